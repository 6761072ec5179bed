package pipelinefile

import (
	"strconv"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// connection is the provider whose source actions triggers are for.
const connection = "CodeStarSourceConnection"

// triggers checks the structure of triggers. Source: "Filter triggers on code push or pull requests" in the
// CodePipeline user guide.
func (c *checker) triggers() {
	sources := map[string]bool{} // whether a source action takes from a connection
	if len(c.d.Stages) > 0 {
		for _, a := range c.d.Stages[0].Actions {
			id := a.ActionTypeId
			sources[awsproto.Value(a.Name)] = id != nil && awsproto.Value(id.Provider) == connection
		}
	}
	seen := map[string]bool{}
	for i := range c.d.Triggers {
		g := c.d.Triggers[i].GitConfiguration
		path := element("triggers", i) + ".gitConfiguration"
		if g == nil {
			continue
		}
		name := awsproto.Value(g.SourceActionName)
		ofConnection, there := sources[name]
		at := path + ".sourceActionName"
		switch {
		case !there:
			c.say(Structure, at, "Trigger %d is for the source action '%s', which the pipeline does not have", i+1,
				name)
		case !ofConnection:
			c.say(Structure, at, "Trigger %d is for the source action '%s', whose provider is not %s", i+1, name,
				connection)
		case seen[name]:
			c.say(Structure, at, "The source action '%s' has more than one trigger", name)
		}
		seen[name] = true
		for j := range g.Push {
			c.pushFilter(path+"."+element("push", j), "Push filter "+strconv.Itoa(j+1)+" of trigger "+strconv.Itoa(i+1),
				&g.Push[j])
		}
	}
}

// pushFilter takes tags, or branches, or branches and file paths.
func (c *checker) pushFilter(path, what string, f *cp.GitPushFilter) {
	switch {
	case f.Tags != nil && (f.Branches != nil || f.FilePaths != nil):
		c.say(Structure, path, "%s has tags together with branches or filePaths. Give one filter for tags, and another",
			what)
	case f.FilePaths != nil && f.Branches == nil:
		c.say(Structure, path, "%s has filePaths without branches", what)
	case f.Tags == nil && f.Branches == nil:
		c.say(Structure, path, "%s is empty: give tags, branches, or branches and filePaths", what)
	}
}
