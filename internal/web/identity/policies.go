package identity

import (
	"net/http"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/identity/policy"
	"slipway/internal/people"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// policiesView is a list of policies.
type policiesView struct {
	Policies []iam.Policy
	All      bool // the ready-made ones that nothing uses, too
	Create   bool
}

func (s *pages) policiesPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	x := &policiesView{All: r.URL.Query().Has("all"), Create: s.offers(r.Context(), s.arn("policy/*"), "CreatePolicy")}
	own, err := people.Policies(r.Context(), s.IAM, iam.PolicyScopeTypeLocal, false)
	if err != nil {
		return err
	}
	ready, err := people.Policies(r.Context(), s.IAM, iam.PolicyScopeTypeAws, !x.All)
	if err != nil {
		return err
	}
	x.Policies = append(own, ready...)
	s.Render(w, r, http.StatusOK, Policies(s.Shell(r, v, "Policies"), x, s.Now()))
	return nil
}

// policyView is a policy with its text and what it is attached to.
type policyView struct {
	*iam.Policy
	Lines              []string
	Findings           []policy.Finding
	Versions           []iam.PolicyVersion
	Users, Groups      []string
	Roles              []string
	Own                bool // of the account, so that it can be changed
	MayEdit, MayDelete bool
}

func (s *pages) policyPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	arn := r.URL.Query().Get("arn")
	p, text, err := people.PolicyOf(r.Context(), s.IAM, arn)
	if err != nil {
		return err
	}
	x := &policyView{Policy: p, Lines: strings.Split(text, "\n"), Findings: policy.Check(policy.Identity, text)}
	if x.Own = strings.HasPrefix(arn, s.arn("")); x.Own {
		x.MayEdit = s.offers(r.Context(), arn, "CreatePolicyVersion")
		x.MayDelete = s.offers(r.Context(), arn, "DeletePolicy")
		if x.Versions, err = people.Versions(r.Context(), s.IAM, arn); err != nil {
			return err
		}
	}
	out, err := s.IAM.ListEntitiesForPolicy(r.Context(), &iam.ListEntitiesForPolicyInput{PolicyArn: &arn})
	if err != nil {
		return err
	}
	for i := range out.PolicyUsers {
		x.Users = append(x.Users, awsproto.Value(out.PolicyUsers[i].UserName))
	}
	for i := range out.PolicyGroups {
		x.Groups = append(x.Groups, awsproto.Value(out.PolicyGroups[i].GroupName))
	}
	for i := range out.PolicyRoles {
		x.Roles = append(x.Roles, awsproto.Value(out.PolicyRoles[i].RoleName))
	}
	s.Render(w, r, http.StatusOK, Policy(s.Shell(r, v, awsproto.Value(p.PolicyName)), x, s.Now()))
	return nil
}

// changePolicy deletes a policy, or makes another of its versions the default.
func (s *pages) changePolicy(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	arn := r.URL.Query().Get("arn")
	switch r.PostForm.Get("do") {
	case "delete":
		return kit.Next(w, r, "/settings/policies", people.DeletePolicy(r.Context(), s.IAM, arn))
	case "default":
		in := &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: new(field(r, "version"))}
		_, err := s.IAM.SetDefaultPolicyVersion(r.Context(), in)
		return kit.Next(w, r, policyPath(arn), err)
	}
	return kit.Refusal(http.StatusBadRequest, "The form does not say what to do. Reload the page and try again.")
}

// editor is a policy that is written: a managed one, an inline one of somebody, or a role's trust policy.
type editor struct {
	ARN   string // of a managed policy; "" for a new one
	Of    string // user/anna, for an inline one
	Trust string // the role, for its trust policy
	Name  string
	Text  string
	// MaySave is whether the visitor may save it; checking is for everybody.
	MaySave bool
	// Checked is whether Findings are known.
	Checked  bool
	Findings []policy.Finding
}

func (e *editor) kind() policy.Kind {
	if e.Trust != "" {
		return policy.Trust
	}
	return policy.Identity
}

func (e *editor) title() string {
	switch {
	case e.Trust != "":
		return "Trust policy of " + e.Trust
	case e.Of != "" && e.Name != "":
		return e.Name + ", a policy of " + e.Of[strings.IndexByte(e.Of, '/')+1:]
	case e.Of != "":
		return "New policy of " + e.Of[strings.IndexByte(e.Of, '/')+1:]
	case e.ARN != "":
		return "Edit " + e.Name
	}
	return "New policy"
}

// named is whether a name must be given.
func (e *editor) named() bool { return e.ARN == "" && e.Trust == "" }

// back is the page to return to.
func (e *editor) back() string {
	switch {
	case e.Trust != "":
		return subjectPath("role", e.Trust)
	case e.Of != "":
		kind, name, _ := strings.Cut(e.Of, "/")
		return subjectPath(kind, name)
	case e.ARN != "":
		return policyPath(e.ARN)
	}
	return "/settings/policies"
}

func (e *editor) path() string {
	what := url.Values{}
	for k, v := range map[string]string{"arn": e.ARN, "of": e.Of, "trust": e.Trust, "name": e.Name} {
		if v != "" {
			what.Set(k, v)
		}
	}
	return editorPath(what)
}

// first is what a new policy begins with.
const first = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "codecommit:GitPull"
      ],
      "Resource": "*"
    }
  ]
}`

func editorOf(r *http.Request) *editor {
	q := r.URL.Query()
	return &editor{ARN: q.Get("arn"), Of: q.Get("of"), Trust: q.Get("trust"), Name: q.Get("name")}
}

func (s *pages) editorPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	e := editorOf(r)
	if err := s.load(r, e); err != nil {
		return err
	}
	e.MaySave = s.maySave(r, e)
	s.Render(w, r, http.StatusOK, Editor(s.Shell(r, v, e.title()), e))
	return nil
}

// load reads the text that is edited.
func (s *pages) load(r *http.Request, e *editor) error {
	switch {
	case e.Trust != "":
		d, err := people.RoleOf(r.Context(), s.IAM, e.Trust)
		if err != nil {
			return err
		}
		e.Text = legible(d.TrustPolicy)
	case e.ARN != "":
		p, text, err := people.PolicyOf(r.Context(), s.IAM, e.ARN)
		if err != nil {
			return err
		}
		e.Name, e.Text = awsproto.Value(p.PolicyName), text
	case e.Of != "" && e.Name != "":
		all, err := people.Sources(r.Context(), s.IAM, e.Of)
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].ARN == "" && all[i].Group == "" && all[i].Name == e.Name {
				e.Text = all[i].Text
			}
		}
	case r.URL.Query().Has("allow"):
		e.Text = allowing(r.URL.Query().Get("allow"), r.URL.Query().Get("on"))
	default:
		e.Text = first
	}
	return nil
}

// allowing is a policy that allows an action on a resource.
func allowing(action, resource string) string {
	const indent = "\n    "
	statement := strings.ReplaceAll(view.Allowing(action, resource), "\n", indent)
	return `{
  "Version": "2012-10-17",
  "Statement": [` + indent + statement + `
  ]
}`
}

// maySave reports whether the visitor may save a policy.
func (s *pages) maySave(r *http.Request, e *editor) bool {
	kind, name, _ := strings.Cut(e.Of, "/")
	switch {
	case e.Trust != "":
		return s.offers(r.Context(), s.arn("role/"+e.Trust), "UpdateAssumeRolePolicy")
	case operations[kind] != "":
		return s.offers(r.Context(), s.arn(kind+"/"+name), "Put"+operations[kind]+"Policy")
	case e.ARN != "":
		return s.offers(r.Context(), e.ARN, "CreatePolicyVersion")
	}
	return s.offers(r.Context(), s.arn("policy/*"), "CreatePolicy")
}

// saveEditor checks a text, and saves it if that is asked for and there is no error.
func (s *pages) saveEditor(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	e := editorOf(r)
	e.Text, e.Checked = strings.ReplaceAll(r.PostForm.Get("document"), "\r\n", "\n"), true
	if name := field(r, "name"); name != "" && e.named() {
		e.Name = name
	}
	e.Findings = policy.Check(e.kind(), e.Text)
	e.MaySave = s.maySave(r, e)
	refused := false
	for _, f := range e.Findings {
		refused = refused || f.Severity == policy.SeverityError
	}
	if r.PostForm.Get("do") != "save" || refused {
		status := http.StatusOK
		if refused {
			status = http.StatusUnprocessableEntity
		}
		s.Render(w, r, status, Editor(s.Shell(r, v, e.title()), e))
		return nil
	}
	return kit.Next(w, r, e.back(), s.save(r, e))
}

func (s *pages) save(r *http.Request, e *editor) (err error) {
	ctx := r.Context()
	switch kind, name, _ := strings.Cut(e.Of, "/"); {
	case e.Trust != "":
		in := &iam.UpdateAssumeRolePolicyInput{RoleName: &e.Trust, PolicyDocument: &e.Text}
		_, err = s.IAM.UpdateAssumeRolePolicy(ctx, in)
	case kind == "user":
		in := &iam.PutUserPolicyInput{UserName: &name, PolicyName: &e.Name, PolicyDocument: &e.Text}
		_, err = s.IAM.PutUserPolicy(ctx, in)
	case kind == "group":
		in := &iam.PutGroupPolicyInput{GroupName: &name, PolicyName: &e.Name, PolicyDocument: &e.Text}
		_, err = s.IAM.PutGroupPolicy(ctx, in)
	case kind == "role":
		in := &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &e.Name, PolicyDocument: &e.Text}
		_, err = s.IAM.PutRolePolicy(ctx, in)
	case e.ARN != "":
		_, err = people.PutPolicy(ctx, s.IAM, e.ARN, e.Text)
	default:
		in := &iam.CreatePolicyInput{PolicyName: &e.Name, PolicyDocument: &e.Text}
		_, err = s.IAM.CreatePolicy(ctx, in)
	}
	return err
}
