package report

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// changeQuarantine puts a test in quarantine, or takes it out.
func (s *pages) changeQuarantine(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	group, prefix, name := r.PathValue("group"), r.PostFormValue("prefix"), r.PostFormValue("name")
	arn := s.reportARN("report-group", group)
	var err error
	switch r.PostFormValue("do") {
	case "quarantine":
		days, bad := strconv.Atoi(r.PostFormValue("days"))
		if bad != nil || days < 1 {
			return kit.Refusal(http.StatusBadRequest, "Say for how many days, from 1 to 90.")
		}
		in := &slipway.PutTestQuarantineInput{ReportGroupArn: &arn, Prefix: &prefix, Name: &name,
			Reason: new(r.PostFormValue("reason")),
			Until:  awsproto.At(s.Now().Add(time.Duration(days) * 24 * time.Hour))}
		if owner := r.PostFormValue("owner"); owner != "" {
			in.Owner = &owner
		}
		_, err = s.Slipway.PutTestQuarantine(r.Context(), in)
	case "release":
		_, err = s.Slipway.DeleteTestQuarantine(r.Context(),
			&slipway.DeleteTestQuarantineInput{ReportGroupArn: &arn, Prefix: &prefix, Name: &name})
	default:
		err = kit.Refusal(http.StatusBadRequest, "Put a test in quarantine, or release it.")
	}
	back := "/tests/" + url.PathEscape(group) + "/case?" + url.Values{"prefix": {prefix}, "name": {name}}.Encode()
	return kit.Next(w, r, back, err)
}
