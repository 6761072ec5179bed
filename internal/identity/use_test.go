package identity_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"slipway/api/awsproto"
)

// TestLastUsed records uses of a key and of a role, before and after they are written.
func TestLastUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	role := w.role("deployer", `{"AWS":"`+account+`"}`)
	session := w.assume(role)
	read := func() (key, service, roleRegion string) {
		k := must[*iam.GetAccessKeyLastUsedOutput](t)(w.iam().GetAccessKeyLastUsed(t.Context(),
			&iam.GetAccessKeyLastUsedInput{AccessKeyId: &w.admin.AccessKeyID}))
		r := must[*iam.GetRoleOutput](t)(w.iam().GetRole(t.Context(),
			&iam.GetRoleInput{RoleName: aws.String("deployer")}))
		return *k.UserName, *k.AccessKeyLastUsed.ServiceName, aws.ToString(r.Role.RoleLastUsed.Region)
	}
	if _, service, roleRegion := read(); service != "N/A" || roleRegion != "" {
		t.Errorf("before any use: %s, %s", service, roleRegion)
	}
	for id, token := range map[string]string{w.admin.AccessKeyID: "", session.AccessKeyID: session.SessionToken} {
		c := must[awsproto.Caller](t)(w.Caller(t.Context(), id, token))
		w.Used(c, "codebuild", region)
	}
	for _, when := range []string{"at once", "once it is written"} {
		if user, service, roleRegion := read(); user != "admin" || service != "codebuild" || roleRegion != region {
			t.Errorf("%s: %s, %s, %s", when, user, service, roleRegion)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	job := must[*iam.GenerateServiceLastAccessedDetailsOutput](t)(w.iam().GenerateServiceLastAccessedDetails(t.Context(),
		&iam.GenerateServiceLastAccessedDetailsInput{Arn: aws.String(w.UserARN("admin"))}))
	report := must[*iam.GetServiceLastAccessedDetailsOutput](t)(w.iam().GetServiceLastAccessedDetails(t.Context(),
		&iam.GetServiceLastAccessedDetailsInput{JobId: job.JobId}))
	used := 0
	for _, s := range report.ServicesLastAccessed {
		if s.LastAuthenticated != nil {
			used++
		}
	}
	if used != 1 || len(report.ServicesLastAccessed) < 5 {
		t.Errorf("%d of %d services were used", used, len(report.ServicesLastAccessed))
	}
}
