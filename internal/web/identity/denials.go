package identity

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/people"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// denialRow is a denial in a list.
type denialRow struct {
	view.Denial
	Kind, Name string // of the principal; Kind is "" if it has no page
	Editor     string // the address of the editor with a policy that allows it; "" for none
}

// denialsView is what was refused, to one or to all.
type denialsView struct {
	Who  string
	Rows []denialRow
	More string
}

// shownDenials is how many denials the page of a principal shows.
const shownDenials = 10

func (s *pages) denialsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	x := &denialsView{Who: strings.TrimSpace(r.URL.Query().Get("who"))}
	in := &slipway.ListDenialsInput{NextToken: after(r)}
	if x.Who != "" {
		in.Principal = new(people.PrincipalARN(r.Context(), s.IAM, s.Account, x.Who))
	}
	out, err := s.Slipway.ListDenials(r.Context(), in)
	if err != nil {
		return err
	}
	x.Rows = s.denialRows(r.Context(), out.Denials)
	if out.NextToken != nil {
		x.More = "/settings/denials?" + url.Values{"who": {x.Who}, "after": {*out.NextToken}}.Encode()
	}
	s.Render(w, r, http.StatusOK, Denials(s.Shell(r, v, "Denied"), x, s.Now()))
	return nil
}

func (s *pages) denialRows(ctx context.Context, all []slipway.Denial) []denialRow {
	rows := make([]denialRow, len(all))
	writes := map[string]bool{} // by principal: whether the visitor may give it a policy
	for i, d := range view.Denials(all) {
		row := &rows[i]
		row.Denial = d
		row.Kind, row.Name = d.Of()
		if row.Kind == "" || !d.ByIdentity() {
			continue
		}
		principal := awsproto.Value(d.Principal)
		may, asked := writes[principal]
		if !asked {
			may = s.offers(ctx, principal, "Put"+operations[row.Kind]+"Policy")
			writes[principal] = may
		}
		if may {
			row.Editor = editorPath(url.Values{
				"of":    {row.Kind + "/" + row.Name},
				"allow": {awsproto.Value(d.Action)},
				"on":    {awsproto.Value(d.Resource)},
			})
		}
	}
	return rows
}

// denialsOf reads what was refused to a user or a role, if the visitor may see it.
func (s *pages) denialsOf(ctx context.Context, x *subject) error {
	if x.Asked = x.Kind != "group" && s.Offers(ctx, "slipway:ListDenials", "*"); !x.Asked {
		return nil
	}
	out, err := s.Slipway.ListDenials(ctx, &slipway.ListDenialsInput{Principal: &x.ARN})
	if err != nil {
		return err
	}
	x.Denials = s.denialRows(ctx, out.Denials[:min(len(out.Denials), shownDenials)])
	return nil
}

// denialsPath is the page of what was refused to a principal.
func denialsPath(kind, name string) string {
	return "/settings/denials?" + url.Values{"who": {kind + "/" + name}}.Encode()
}
