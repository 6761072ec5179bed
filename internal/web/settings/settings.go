package settings

import (
	"net/http"
	"net/url"
	"strings"

	"slipway/api/codedeploy"
	"slipway/api/iam"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// SettingsRoutes are the pages of keys, hosts and processes.
func (s *pages) routes(mux *kit.Mux) {
	s.jobsRoutes(mux)
	s.connectionRoutes(mux)
	s.signInRoutes(mux)
	for pattern, p := range map[string]kit.Handler{
		"GET /settings":                          s.accessPage,
		"POST /settings":                         s.createAccess,
		"POST /settings/keys/{id}":               s.changeKey,
		"POST /settings/git/{id}":                s.deleteGitCredential,
		"GET /settings/hosts":                    s.hostsPage,
		"POST /settings/hosts":                   s.createHost,
		"POST /settings/hosts/{name}/deregister": s.deregisterHost,
		"GET /settings/processes":                s.processesPage,
		"GET /settings/secrets":                  s.secretsPage,
		"GET /settings/images":                   s.imagesPage,
		"POST /settings/images":                  s.changeImage,
	} {
		mux.Handle(pattern, s.SignedIn(p))
	}
}

// access is with what somebody gets in from elsewhere.
type access struct {
	Keys []iam.AccessKeyMetadata
	Git  []iam.ServiceSpecificCredentialMetadata
	// What was created just now, and is shown this once.
	NewKey *iam.AccessKey
	NewGit *iam.ServiceSpecificCredential
}

// gitService is what IAM calls Git over HTTPS.
const gitService = "codecommit.amazonaws.com"

func (s *pages) accessPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	return s.showAccess(w, r, v, &access{})
}

func (s *pages) showAccess(w http.ResponseWriter, r *http.Request, v kit.Visitor, a *access) error {
	keys, err := s.IAM.ListAccessKeys(r.Context(), &iam.ListAccessKeysInput{})
	if err != nil {
		return err
	}
	git, err := s.IAM.ListServiceSpecificCredentials(
		r.Context(),
		&iam.ListServiceSpecificCredentialsInput{ServiceName: new(gitService)},
	)
	if err != nil {
		return err
	}
	a.Keys, a.Git = keys.AccessKeyMetadata, git.ServiceSpecificCredentials
	s.Render(w, r, http.StatusOK, Access(s.Shell(r, v, "Access"), a, s.URL, s.Now()))
	return nil
}

// createAccess creates an access key or a Git credential. It answers with the page itself: the secret is
// nowhere else, and in no address.
func (s *pages) createAccess(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	if !s.Confirmed(w, r, v, "/settings") {
		return nil
	}
	if r.PostForm.Get("create") == "git" {
		out, err := s.IAM.CreateServiceSpecificCredential(
			r.Context(),
			&iam.CreateServiceSpecificCredentialInput{UserName: &v.Caller.Name, ServiceName: new(gitService)},
		)
		if err != nil {
			return err
		}
		return s.showAccess(w, r, v, &access{NewGit: out.ServiceSpecificCredential})
	}
	out, err := s.IAM.CreateAccessKey(r.Context(), &iam.CreateAccessKeyInput{})
	if err != nil {
		return err
	}
	return s.showAccess(w, r, v, &access{NewKey: out.AccessKey})
}

func (s *pages) changeKey(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	var err error
	switch r.PostForm.Get("do") {
	case "deactivate":
		_, err = s.IAM.UpdateAccessKey(
			r.Context(),
			&iam.UpdateAccessKeyInput{AccessKeyId: &id, Status: iam.StatusTypeInactive},
		)
	case "activate":
		_, err = s.IAM.UpdateAccessKey(r.Context(),
			&iam.UpdateAccessKeyInput{AccessKeyId: &id, Status: iam.StatusTypeActive})
	case "delete":
		_, err = s.IAM.DeleteAccessKey(r.Context(), &iam.DeleteAccessKeyInput{AccessKeyId: &id})
	default:
		err = kit.Refusal(http.StatusBadRequest, "A key can be deactivated, activated and deleted.")
	}
	return kit.Next(w, r, "/settings", err)
}

func (s *pages) deleteGitCredential(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	_, err := s.IAM.DeleteServiceSpecificCredential(
		r.Context(),
		&iam.DeleteServiceSpecificCredentialInput{ServiceSpecificCredentialId: new(r.PathValue("id"))},
	)
	return kit.Next(w, r, "/settings", err)
}

// hostsView is the hosts that software is deployed to.
type hostsView struct {
	Hosts []slipway.Host
	Runs  map[string][]running // by the host's name
	More  string
	// Create is whether the visitor may create one.
	Create bool
	New    *slipway.CreateHostOutput // created just now, with its key, which is shown this once
}

const hostsAPage = 50

func (s *pages) hostsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	return s.showHosts(w, r, v, &hostsView{})
}

func (s *pages) showHosts(w http.ResponseWriter, r *http.Request, v kit.Visitor, h *hostsView) error {
	in := &slipway.ListHostsInput{MaxResults: new(int32(hostsAPage))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	out, err := s.Slipway.ListHosts(r.Context(), in)
	if err != nil {
		return err
	}
	serving, err := s.Slipway.ListServing(r.Context(), &slipway.ListServingInput{})
	if err != nil {
		return err
	}
	h.Create = s.Offers(r.Context(), "slipway:CreateHost", "arn:aws:codedeploy:"+s.Region+":"+s.Account+":instance:*")
	h.Hosts, h.Runs, h.More = out.Hosts, runsOn(serving.Groups), kit.OlderPath("/settings/hosts", out.NextToken)
	s.Render(w, r, http.StatusOK, Hosts(s.Shell(r, v, "Hosts", "hosts"), h, s.URL, s.Now()))
	return nil
}

// running is a version that a host runs for a deployment group.
type running struct{ Application, Group, Version string }

// runsOn says, for each host, what it runs for which group.
func runsOn(groups []slipway.ServingGroup) map[string][]running {
	all := map[string][]running{}
	for i := range groups {
		g := &groups[i]
		for j := range g.Versions {
			v := &g.Versions[j]
			one := running{*g.ApplicationName, *g.DeploymentGroupName, view.VersionName(v.Change, *v.DeploymentId)}
			for _, host := range v.Hosts {
				all[host] = append(all[host], one)
			}
		}
	}
	return all
}

func (s *pages) createHost(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	if !s.Confirmed(w, r, v, "/settings/hosts") {
		return nil
	}
	tags, err := tagsOf(r.PostForm.Get("tags"))
	if err != nil {
		return err
	}
	out, err := s.Slipway.CreateHost(
		r.Context(),
		&slipway.CreateHostInput{Name: new(strings.TrimSpace(r.PostForm.Get("name"))), Tags: tags},
	)
	if err != nil {
		return err
	}
	return s.showHosts(w, r, v, &hostsView{New: out})
}

// tagsOf reads "KEY=VALUE, KEY=VALUE".
func tagsOf(s string) (map[string]string, error) {
	tags := map[string]string{}
	for one := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == ',' || c == '\n' }) {
		key, value, ok := strings.Cut(strings.TrimSpace(one), "=")
		if !ok || strings.TrimSpace(key) == "" {
			return nil, kit.Refusal(
				http.StatusBadRequest,
				"“"+strings.TrimSpace(
					one,
				)+"” is no tag. Write tags as KEY=VALUE, with commas between them: service=web, zone=a",
			)
		}
		tags[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return tags, nil
}

func (s *pages) deregisterHost(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	_, err := s.Deployments.DeregisterOnPremisesInstance(
		r.Context(),
		&codedeploy.DeregisterOnPremisesInstanceInput{InstanceName: new(r.PathValue("name"))},
	)
	return kit.Next(w, r, "/settings/hosts", err)
}

// processesPage shows who builds and who carries traffic.
func (s *pages) processesPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	runners, err := s.Slipway.ListRunners(r.Context(), &slipway.ListRunnersInput{})
	if err != nil {
		return err
	}
	fleets, err := s.Slipway.ListFleetStates(r.Context(), &slipway.ListFleetStatesInput{})
	if err != nil {
		return err
	}
	routers, err := s.Slipway.ListRouters(r.Context(), &slipway.ListRoutersInput{})
	if err != nil {
		return err
	}
	s.Render(
		w,
		r,
		http.StatusOK,
		Processes(s.Shell(r, v, "Runners and routers", "builds"), runners, fleets.Fleets, routers.Routers, s.Now()),
	)
	return nil
}

func hostPath(name string) string { return "/settings/hosts/" + url.PathEscape(name) }
