package identity

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

const denialAccount = "123456789012"

// denied is a denial of a user.
func denied(user, action, resource string) *Denial {
	return &Denial{
		Caller:   awsproto.Caller{ARN: "arn:aws:iam::" + denialAccount + ":user/" + user, Account: denialAccount},
		Action:   action,
		Resource: resource,
		Refusal:  Refusal{Address: "192.0.2.1", Reason: "because", Type: "identity-based policy"},
	}
}

// listed are all denials of a principal, or of all.
func listed(t *testing.T, s *Service, principal string) []slipway.Denial {
	t.Helper()
	var all []slipway.Denial
	for in := (&slipway.ListDenialsInput{Principal: &principal}); ; {
		out, err := s.ListDenials(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out.Denials...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all
		}
	}
}

// Denials are counted by who, what and on what; the last one says from where and why.
func TestDenialsAreCounted(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.Denied(denied("ann", "codecommit:GitPush", "*"))
	h.at = h.at.Add(time.Minute)
	h.Denied(denied("bob", "codecommit:GitPush", "*"))
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.at = h.at.Add(time.Minute)
	last := denied("ann", "codecommit:GitPush", "*")
	last.Refusal = Refusal{Address: "192.0.2.2", Reason: "with an explicit deny", Type: "identity-based policy",
		Explicit: true, PolicyName: "guard", Statement: 2, Sid: "No"}
	h.Denied(last)
	h.Denied(&Denial{Action: "s3:GetObject", Resource: "*"}) // a stranger's
	all := listed(t, h.Service, "")
	if len(all) != 2 {
		t.Fatalf("got %d denials, want 2", len(all))
	}
	d := all[0]
	if *d.Principal != last.Caller.ARN || *d.Count != 2 || *d.LastAddress != "192.0.2.2" || !*d.Explicit ||
		*d.PolicyName != "guard" || *d.Statement != 2 || *d.StatementId != "No" || *d.Reason != "with an explicit deny" ||
		d.LastTime.Sub(d.FirstTime.Time) != 2*time.Minute {
		t.Errorf("got %+v", d)
	}
	if of := listed(t, h.Service, denied("bob", "", "").Caller.ARN); len(of) != 1 || *of[0].Count != 1 {
		t.Errorf("bob's are %+v", of)
	}
	if again := listed(t, h.again(), ""); len(again) != 2 {
		t.Errorf("after a restart there are %d", len(again))
	}
}

// The sessions of a role count as the role, and the last one is named.
func TestDenialsOfSessionsAreOfTheirRole(t *testing.T) {
	t.Parallel()
	h := open(t)
	role := "arn:aws:iam::" + denialAccount + ":role/build"
	for _, name := range []string{"one", "two"} {
		d := denied("", "s3:GetObject", "*")
		d.Caller.ARN = "arn:aws:sts::" + denialAccount + ":assumed-role/build/" + name
		d.Caller.Session = &awsproto.Session{RoleARN: role, Name: name}
		h.Denied(d)
	}
	all := listed(t, h.Service, role)
	if len(all) != 1 || *all[0].Count != 2 || *all[0].LastSession != "arn:aws:sts::"+denialAccount+":assumed-role/build/two" {
		t.Errorf("got %+v", all)
	}
}

// One who asks for much does not push out what others were denied, and all together are bounded: the oldest go.
func TestDenialsAreBounded(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.Denied(denied("quiet", "s3:GetObject", "*"))
	for i := range maxDenials - 1 {
		h.at = h.at.Add(time.Second)
		h.Denied(denied("loud", "s3:GetObject", fmt.Sprint("arn:aws:s3:::b/", i)))
	}
	h.Denied(denied("late", "s3:GetObject", "*")) // there is no room for it in this batch
	if got := len(listed(t, h.Service, "")); got != maxOfPrincipal+1 {
		t.Errorf("one loud principal leaves %d denials, want %d", got, maxOfPrincipal+1)
	}
	if got := listed(t, h.Service, denied("loud", "", "").Caller.ARN); *got[0].Resource != "arn:aws:s3:::b/998" {
		t.Errorf("the newest that is kept is of %s", *got[0].Resource)
	}
	for who := range maxDenials/maxOfPrincipal + 1 {
		for i := range maxOfPrincipal {
			h.at = h.at.Add(time.Second)
			h.Denied(denied(fmt.Sprint("user", who), "s3:GetObject", fmt.Sprint(i)))
		}
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(listed(t, h.Service, "")); got != maxDenials {
		t.Errorf("%d denials are kept, want %d", got, maxDenials)
	}
	if got := listed(t, h.Service, denied("quiet", "", "").Caller.ARN); len(got) != 0 {
		t.Errorf("the oldest is kept: %+v", got)
	}
}

// What was last denied before the retention is deleted, some at a time.
func TestDenialsExpire(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i := range 3 {
		h.Denied(denied("ann", "s3:GetObject", fmt.Sprint(i)))
	}
	h.at = h.at.Add(time.Hour)
	h.Denied(denied("ann", "s3:GetObject", "0"))
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 1, 0} {
		n, err := h.ExpireDenials(t.Context(), h.at.Add(-time.Minute), 1)
		if err != nil || n != want {
			t.Errorf("deleted %d, %v, want %d", n, err, want)
		}
	}
	if all := listed(t, h.Service, ""); len(all) != 1 || *all[0].Resource != "0" {
		t.Errorf("left are %+v", all)
	}
}

// What several servers denied is one count.
func TestServersCountDenialsTogether(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t).Database(t)
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	var servers [2]*Service
	for i := range servers {
		db := storetest.OpenDSN(t, dsn, Migrations())
		servers[i], err = New(t.Context(), db, Config{Region: "eu-central-1", Account: denialAccount, Seal: sealer,
			Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error)
	for _, s := range servers {
		for i := range 10 {
			s.Denied(denied("ann", "s3:GetObject", fmt.Sprint(i)))
		}
		go func() { ended <- s.Flush(t.Context()) }()
	}
	for range servers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	for _, s := range servers {
		all := listed(t, s, "")
		if len(all) != 10 || *all[0].Count != 2 || *all[9].Count != 2 {
			t.Errorf("a server lists %+v", all)
		}
	}
}
