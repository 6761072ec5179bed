package identity

import (
	"net/http"
	"strings"

	"slipway/api/iam"
	"slipway/internal/identity/policy/catalogue"
	"slipway/internal/people"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// rightsView is a question of who may do what, with its answer.
type rightsView struct {
	Who, Action, Resource, Context string
	Rights                         []view.Right
	// Unknown says that there is no such action.
	Unknown string
	// Suggested is whom a suggested statement is for.
	Subject string
}

// rightsPage answers the question that the address asks: the page form of "slipway can".
func (s *pages) rightsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	q := r.URL.Query()
	x := &rightsView{
		Who:      strings.TrimSpace(q.Get("who")),
		Action:   strings.TrimSpace(q.Get("action")),
		Resource: strings.TrimSpace(q.Get("resource")),
		Context:  strings.TrimSpace(q.Get("context")),
	}
	if x.Who != "" && x.Action != "" {
		if err := s.answer(r, x); err != nil {
			return err
		}
	}
	s.Render(w, r, http.StatusOK, Rights(s.Shell(r, v, "Who may do what"), x))
	return nil
}

func (s *pages) answer(r *http.Request, x *rightsView) error {
	entry, known := catalogue.Action(x.Action)
	if !known {
		x.Unknown = "Slipway knows no action " + x.Action + "; the answer is that of its policies."
	}
	who := x.Who
	if !strings.Contains(who, "/") {
		who = "user/" + who
	}
	in := &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: new(s.arn(who)),
		ActionNames:     []string{x.Action},
	}
	switch {
	case x.Resource == "":
	case strings.HasPrefix(x.Resource, "arn:") || x.Resource == "*":
		in.ResourceArns = []string{x.Resource}
	default:
		arn, ok := entry.Resource(x.Resource, s.Region, s.Account)
		if !ok {
			return kit.Refusal(http.StatusBadRequest,
				x.Action+" has no one type of resource with a name. Give the ARN of the resource.")
		}
		in.ResourceArns = []string{arn}
	}
	for line := range strings.Lines(x.Context) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			return kit.Refusal(http.StatusBadRequest, "Write condition keys as KEY=VALUE, one a line.")
		}
		in.ContextEntries = append(in.ContextEntries, iam.ContextEntry{
			ContextKeyName:   &key,
			ContextKeyValues: strings.Split(value, ","),
			ContextKeyType:   iam.ContextKeyTypeEnumStringList,
		})
	}
	out, err := s.IAM.SimulatePrincipalPolicy(r.Context(), in)
	if err != nil {
		return err
	}
	x.Rights = view.Rights(x.Who, out.EvaluationResults)
	if sources, err := people.Sources(r.Context(), s.IAM, who); err == nil {
		people.Explain(x.Rights, sources)
	}
	x.Subject = who
	return nil
}
