package change

import (
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// Served is a deployment group with what runs in it now.
type Served struct {
	Group    string // its name
	Href     string
	Versions []servedVersion
}

type servedVersion struct {
	Change     Change
	Deployment string
	Failed     bool
	Hosts      string // "" if all hosts run it
}

// ServedOf is what a group serves, as pages show it.
func ServedOf(g slipway.ServingGroup) Served {
	one := Served{Group: *g.DeploymentGroupName, Href: string(kit.GroupURL(*g.ApplicationName, *g.DeploymentGroupName))}
	for _, v := range g.Versions {
		x := servedVersion{Deployment: *v.DeploymentId, Failed: v.Failed != nil && *v.Failed}
		if v.Change != nil {
			x.Change = view.Described(*v.Change)
		}
		if len(g.Versions) > 1 {
			x.Hosts = view.Names(v.Hosts, 3)
		}
		one.Versions = append(one.Versions, x)
	}
	return one
}
