package settings

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"slipway/api/iam"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

// keys has one access key, and takes what is done to it.
type keys struct {
	iam.Unimplemented
	changed *string
}

func (keys) ListAccessKeys(context.Context, *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: []iam.AccessKeyMetadata{
		{AccessKeyId: new("AKIAEXAMPLE"), Status: iam.StatusTypeActive, CreateDate: webtest.At(time.Hour)},
	}}, nil
}

func (keys) ListServiceSpecificCredentials(context.Context,
	*iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	return &iam.ListServiceSpecificCredentialsOutput{}, nil
}

func (k keys) UpdateAccessKey(_ context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	*k.changed = *in.AccessKeyId + " " + string(in.Status)
	return &iam.UpdateAccessKeyOutput{}, nil
}

// machines has a host, a runner and a dead job.
type machines struct{ slipway.Unimplemented }

func (machines) ListHosts(context.Context, *slipway.ListHostsInput) (*slipway.ListHostsOutput, error) {
	return &slipway.ListHostsOutput{Hosts: []slipway.Host{
		{Name: new("web1"), Tags: map[string]string{"role": "web"}, SeenTime: webtest.At(time.Second)},
	}}, nil
}

func (machines) ListServing(context.Context, *slipway.ListServingInput) (*slipway.ListServingOutput, error) {
	return &slipway.ListServingOutput{}, nil
}

func (machines) ListRunners(context.Context, *slipway.ListRunnersInput) (*slipway.ListRunnersOutput, error) {
	runner := slipway.RunnerState{Name: new("runner-1"), SeenTime: webtest.At(0)}
	return &slipway.ListRunnersOutput{Runners: []slipway.RunnerState{runner}}, nil
}

func (machines) ListFleetStates(context.Context,
	*slipway.ListFleetStatesInput) (*slipway.ListFleetStatesOutput, error) {
	f := slipway.FleetState{Name: new("gpu"), MaxCapacity: new(int32(3)), Running: new(int32(1)), Queued: new(int32(2)),
		Runners: []slipway.RunnerState{{Name: new("gpu-1"), Builds: []string{"web:1"}, Slots: new(int32(4))}},
		Message: new("Start another")}
	return &slipway.ListFleetStatesOutput{Fleets: []slipway.FleetState{f}}, nil
}

func (machines) ListRouters(context.Context, *slipway.ListRoutersInput) (*slipway.ListRoutersOutput, error) {
	return &slipway.ListRoutersOutput{}, nil
}

func (machines) ListJobs(context.Context, *slipway.ListJobsInput) (*slipway.ListJobsOutput, error) {
	return &slipway.ListJobsOutput{Jobs: []slipway.Job{
		{
			Kind:         new("deploy.undo"),
			Key:          new("d-1"),
			State:        slipway.JobStateDead,
			EnqueuedTime: webtest.At(time.Hour),
			DueTime:      webtest.At(0),
			Attempt:      new(int32(50)),
			Failures:     []slipway.JobFailure{{Time: webtest.At(time.Minute), Error: new("no such group")}},
		},
	}}, nil
}

func (machines) ListSignIns(context.Context, *slipway.ListSignInsInput) (*slipway.ListSignInsOutput, error) {
	return &slipway.ListSignInsOutput{SignIns: []slipway.SignIn{{SignInId: new("s-1"), Address: new("192.0.2.1"),
		Began: webtest.At(time.Minute), Way: new("password"), SecondFactor: new(true),
		UserAgent: new("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")}}}, nil
}

func (machines) ListPasskeys(context.Context, *slipway.ListPasskeysInput) (*slipway.ListPasskeysOutput, error) {
	return &slipway.ListPasskeysOutput{Available: new(true), RecoveryCodes: new(int32(7)), Passkeys: []slipway.Passkey{
		{PasskeyId: new("p-1"), Name: new("My laptop"), Created: webtest.At(time.Hour)}}}, nil
}

func (keys) ListMFADevices(context.Context, *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	return &iam.ListMFADevicesOutput{}, nil
}

func TestPages(t *testing.T) {
	changed := ""
	p := webtest.Open(t, Routes, kit.Config{IAM: keys{changed: &changed}, Slipway: machines{}})
	p.Shows("/settings", "AKIAEXAMPLE", "No Git credentials yet")
	p.Shows("/settings/hosts", "web1", "role")
	p.Shows("/settings/signin", "192.0.2.1", "Firefox on Linux", "with a second factor", "My laptop",
		"No authenticator yet", "7 left")
	p.Shows("/settings/processes", "runner-1", "gpu", "1 of 3 running, 2 waiting", "1 of 4 places taken", "Start another")
	p.Shows("/settings/jobs", "deploy.undo", "no such group")
	if to := p.Send("/settings/keys/AKIAEXAMPLE", url.Values{"do": {"deactivate"}}); to != "/settings" {
		t.Errorf("it leads to %s", to)
	}
	if changed != "AKIAEXAMPLE Inactive" {
		t.Errorf("changed %q", changed)
	}
}

func TestWhatAReaderMayNotDoIsNotOffered(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{IAM: keys{}, Slipway: machines{},
		May: func(context.Context, string, string) bool { return false }})
	read := p.Read("/settings/hosts")
	for _, hidden := range []string{"Create host", "Deregister", "Jobs"} {
		if strings.Contains(read, hidden) {
			t.Errorf("the page of hosts offers %q: %s", hidden, read)
		}
	}
}
