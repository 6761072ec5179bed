package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/smallstep/pkcs7"

	"slipway/api/awsproto"
	cmd "slipway/api/codedeploycommand"
	"slipway/internal/identity"
)

// client speaks the protocol as a host does.
type client struct {
	w   *world
	h   *host
	api cmd.API
	id  string
}

func (w *world) speak(h *host) *client {
	return &client{w, h, cmd.Client{Client: w.client(h.key)}, h.arn}
}

func (c *client) poll() *cmd.HostCommandInstance {
	c.w.t.Helper()
	ctx, cancel := context.WithTimeout(c.w.t.Context(), patient)
	defer cancel()
	out, err := c.api.PollHostCommand(ctx, &cmd.PollHostCommandInput{HostIdentifier: &c.id})
	if err != nil {
		c.w.t.Fatal(err)
	}
	return out.HostCommand
}

func (c *client) acknowledge(x *cmd.HostCommandInstance) cmd.HostCommandStatus {
	c.w.t.Helper()
	out, err := c.api.PutHostCommandAcknowledgement(c.w.t.Context(),
		&cmd.PutHostCommandAcknowledgementInput{HostCommandIdentifier: x.HostCommandIdentifier,
			Diagnostics: &cmd.Envelope{Format: new("JSON"), Payload: new(`{"IsCommandNoop":false}`)}})
	if err != nil {
		c.w.t.Fatal(err)
	}
	return out.CommandStatus
}

func (c *client) complete(x *cmd.HostCommandInstance, status cmd.HostCommandStatus, code int, message, log string) {
	c.w.t.Helper()
	payload, err := json.Marshal(map[string]any{"error_code": code, "script_name": "s.sh", "message": message,
		"log": log})
	if err != nil {
		c.w.t.Fatal(err)
	}
	if _, err := c.api.PutHostCommandComplete(c.w.t.Context(),
		&cmd.PutHostCommandCompleteInput{HostCommandIdentifier: x.HostCommandIdentifier, CommandStatus: status,
			Diagnostics: &cmd.Envelope{Format: new("JSON"), Payload: new(string(payload))}}); err != nil {
		c.w.t.Fatal(err)
	}
}

func (c *client) specification(x *cmd.HostCommandInstance) (map[string]any, []byte) {
	c.w.t.Helper()
	out, err := c.api.GetDeploymentSpecification(c.w.t.Context(),
		&cmd.GetDeploymentSpecificationInput{DeploymentExecutionId: x.DeploymentExecutionId, HostIdentifier: &c.id})
	if err != nil {
		c.w.t.Fatal(err)
	}
	e := out.DeploymentSpecification.GenericEnvelope
	if *out.DeploymentSystem != "CodeDeploy" || *e.Format != "PKCS7/JSON" {
		c.w.t.Fatalf("%s %s", *out.DeploymentSystem, *e.Format)
	}
	block, _ := pem.Decode([]byte(*e.Payload))
	p, err := pkcs7.Parse(block.Bytes)
	if err != nil {
		c.w.t.Fatal(err)
	}
	if err := p.Verify(); err != nil {
		c.w.t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(p.Content, &s); err != nil {
		c.w.t.Fatal(err)
	}
	return s, p.GetOnlySigner().Raw
}

func TestProtocolAsAWSsAgentSpeaksIt(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("v1",
		nil), func(in *codedeploy.CreateDeploymentInput) { in.FileExistsBehavior = types.FileExistsBehaviorOverwrite })
	c := w.speak(h)
	var signers [][]byte
	for _, event := range []string{"ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall",
		"ApplicationStart", "ValidateService"} {
		x := c.poll()
		if x == nil || *x.CommandName != event || !strings.Contains(c.id, *x.HostIdentifier) || x.Nonce == nil {
			t.Fatalf("%s: %+v", event, x)
		}
		s, signer := c.specification(x) // for every event
		signers = append(signers, signer)
		override := s["AgentActionOverrides"].(map[string]any)["AgentOverrides"].(map[string]any)["FileExistsBehavior"]
		if s["DeploymentId"] != id || s["ApplicationName"] != "shop" || s["DeploymentGroupName"] != "prod" ||
			override != "OVERWRITE" || s["Revision"].(map[string]any)["RevisionType"] != "S3" {
			t.Fatalf("%v", s)
		}
		if got := c.acknowledge(x); got != cmd.HostCommandStatusInProgress {
			t.Fatalf("%s: acknowledged as %s", event, got)
		}
		c.complete(x, cmd.HostCommandStatusSucceeded, 0, "Succeeded: ", "")
		if got := c.acknowledge(x); got != cmd.HostCommandStatusSucceeded {
			t.Fatalf("%s may run again: %s", event, got)
		}
	}
	if !bytes.Equal(signers[0], signers[6]) {
		t.Error("the signer changes")
	}
	if d := w.wait(id); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
}

// A failed command sends Complete twice, the second time without what it is about.
func TestTheFirstCompletionCounts(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("v1", nil))
	c := w.speak(h)
	x := c.poll()
	c.acknowledge(x)
	c.complete(x, cmd.HostCommandStatusFailed, 4, "Script failed with exit code 1", strings.Repeat("x", 3000)+"the end")
	c.complete(x, cmd.HostCommandStatusFailed, 5, "", "")
	c.complete(x, cmd.HostCommandStatusSucceeded, 0, "", "")
	if d := w.wait(id); d.Status != types.DeploymentStatusFailed || d.DeploymentOverview.Failed != 1 {
		t.Fatalf("%+v", d)
	}
	e := event1(w.target(id, "web1"), "ApplicationStop")
	if e.Diagnostics.ErrorCode != types.LifecycleErrorCodeScriptFailed ||
		*e.Diagnostics.Message != "Script failed with exit code 1" || len(*e.Diagnostics.LogTail) != 2048 ||
		!strings.HasSuffix(*e.Diagnostics.LogTail, "the end") {
		t.Fatalf("%+v", *e.Diagnostics)
	}
	if got := w.log(id, "web1", "ApplicationStop"); len(got) != 1 || !strings.HasSuffix(got[0], "the end") {
		t.Errorf("the tail is not the log: %d lines", len(got))
	}
}

// A broken application specification gives a Complete without an Acknowledgement.
func TestCompletionWithoutAcknowledgement(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("v1", nil))
	c := w.speak(h)
	c.complete(c.poll(), cmd.HostCommandStatusFailed, 5, "(appspec.yml): did not find expected key", "")
	d := w.wait(id)
	if e := event1(w.target(id, "web1"), "ApplicationStop"); d.Status != types.DeploymentStatusFailed ||
		e.Diagnostics.ErrorCode != types.LifecycleErrorCodeUnknownError ||
		*e.Diagnostics.Message != "(appspec.yml): did not find expected key" {
		t.Fatalf("%+v %+v", d, e)
	}
}

func TestALostCommandIsHandedOutAgainAndRunsOnce(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	w.deploy(w.release("v1", nil))
	c := w.speak(h)
	first := c.poll()
	w.clock.forward(31 * time.Second)
	second := c.poll()
	if *first.HostCommandIdentifier == *second.HostCommandIdentifier {
		t.Fatal("the two can't be told apart")
	}
	if got := c.acknowledge(first); got != cmd.HostCommandStatusSucceeded {
		t.Fatalf("the lost one may run too: %s", got)
	}
	for range 2 {
		if got := c.acknowledge(second); got != cmd.HostCommandStatusInProgress {
			t.Fatal(got)
		}
	}
}

func TestAPollIsHeldUntilThereIsACommand(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	c := w.speak(h)
	got := make(chan string, 1)
	go func() {
		out, err := c.api.PollHostCommand(t.Context(), &cmd.PollHostCommandInput{HostIdentifier: &c.id})
		if err != nil {
			got <- err.Error()
			return
		}
		got <- *out.HostCommand.CommandName
	}()
	w.deploy(w.release("v1", nil))
	select {
	case name := <-got:
		if name != "ApplicationStop" {
			t.Fatal(name)
		}
	case <-time.After(patient):
		t.Fatal("the poll was not woken")
	}
}

func TestHostsAreBoundToTheirKeys(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	tags := map[string]string{"role": "web"}
	one, two := w.newHost("web1", tags), w.newHost("web2", tags)
	w.group("CodeDeployDefault.AllAtOnce")
	w.deploy(w.release("v1", nil))
	instance := func(h *host) string { return "arn:aws:codedeploy:" + region + ":" + account + ":instance/" + h.name }
	poll := func(k identity.Key, identifier string) error {
		ctx, cancel := context.WithTimeout(ctx, patient)
		defer cancel()
		_, err := cmd.Client{Client: w.client(k)}.PollHostCommand(ctx,
			&cmd.PollHostCommandInput{HostIdentifier: &identifier})
		return err
	}
	for _, refused := range []struct {
		key        identity.Key
		identifier string
	}{{one.key, two.arn}, {one.key, instance(two)}, {one.key, "web1"}, {one.key, instance(&host{name: "nobody"})},
		{w.admin, one.arn}} {
		if err := poll(refused.key, refused.identifier); awsproto.Code(err) != "AccessDeniedException" {
			t.Errorf("%s as %s: %v", refused.key.ID, refused.identifier, err)
		}
	}
	if err := poll(one.key, instance(one)); err != nil {
		t.Error(err)
	}
	if err := poll(w.admin, instance(two)); err != nil {
		t.Error(err)
	}
	x := w.speak(two).poll0(t)
	if x != nil {
		t.Fatal("handed out a second time")
	}
}

// TestHostsAreBoundToTheirCommands: neither another host's command nor one that was never made is taken, and a host
// that is made again starts from nothing.
func TestHostsAreBoundToTheirCommands(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	one := w.newHost("web1", map[string]string{"role": "web"})
	w.newHost("web2", map[string]string{"role": "web"})
	poll := func() error {
		_, err := cmd.Client{Client: w.client(one.key)}.PollHostCommand(ctx,
			&cmd.PollHostCommandInput{HostIdentifier: &one.arn})
		return err
	}
	forged := func(host string) string {
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil,
			`{"deploymentId":"d-AAAAAAAAA","hostId":%q,"commandName":"ApplicationStop","commandAttempt":1}`, host))
	}
	for id, code := range map[string]string{forged("web2"): "AccessDeniedException", "x": "ClientException",
		base64.StdEncoding.EncodeToString([]byte("{}")): "ClientException"} {
		_, err := w.speak(one).api.PutHostCommandComplete(ctx,
			&cmd.PutHostCommandCompleteInput{HostCommandIdentifier: &id, CommandStatus: cmd.HostCommandStatusSucceeded})
		if awsproto.Code(err) != code {
			t.Errorf("%s: %v", id, err)
		}
	}
	// A host may do nothing else.
	if _, err := (cmd.Client{Client: w.client(one.key)}).PutHostCommandOutput(ctx,
		&cmd.PutHostCommandOutputInput{HostCommandIdentifier: new(forged("web1")), Offset: new(int64(0)),
			Data: []byte("x")}); awsproto.Code(err) != "ClientException" {
		t.Error(err)
	}
	if _, err := w.api.DeregisterOnPremisesInstance(ctx,
		&codedeploy.DeregisterOnPremisesInstanceInput{InstanceName: &one.name}); err != nil {
		t.Fatal(err)
	}
	if err := poll(); awsproto.Code(err) != "UnrecognizedClientException" {
		t.Errorf("the key of a host outlives its registration: %v", err)
	}
	again := w.newHost("web1", nil)
	spec := &cmd.GetDeploymentSpecificationInput{DeploymentExecutionId: new("d-AAAAAAAAA"), HostIdentifier: &again.arn}
	if _, err := w.speak(again).api.GetDeploymentSpecification(ctx, spec); awsproto.Code(err) != "ClientException" {
		t.Errorf("a host that is made anew has no part in the deployment, and is known: %v", err)
	}
	if err := poll(); awsproto.Code(err) != "UnrecognizedClientException" {
		t.Errorf("the old key of a host that is made anew: %v", err)
	}
}

// poll0 asks without waiting.
func (c *client) poll0(t *testing.T) *cmd.HostCommandInstance {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	out, err := c.api.PollHostCommand(ctx, &cmd.PollHostCommandInput{HostIdentifier: &c.id})
	if err != nil {
		return nil
	}
	return out.HostCommand
}

func TestOutputIsWrittenOnce(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("v1", nil))
	c := w.speak(h)
	x := c.poll()
	c.acknowledge(x)
	put := func(offset int64, data string, want int64) {
		t.Helper()
		out, err := c.api.PutHostCommandOutput(t.Context(),
			&cmd.PutHostCommandOutputInput{HostCommandIdentifier: x.HostCommandIdentifier, Offset: &offset,
				Data: []byte(data)})
		if err != nil || *out.NextOffset != want {
			t.Fatalf("%v %v, want %d", out, err, want)
		}
	}
	put(0, "one\ntwo\n", 8)
	put(0, "one\ntwo\n", 8)              // its answer was lost
	put(4, "two\nthree\n", 14)           // a part is new
	put(1<<62, "", 14)                   // where do I go on?
	put(20, "a piece after a gap\n", 14) // not taken
	put(14, "four\n", 19)
	c.complete(x, cmd.HostCommandStatusSucceeded, 0, "", "")
	put(19, "too late\n", 28)
	if got := w.log(id, "web1", "ApplicationStop"); !slices.Equal(got, []string{"one", "two", "three", "four"}) {
		t.Fatalf("%q", got)
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// open lets whoever waits at a FIFO go on.
func open(t *testing.T, fifo string) {
	t.Helper()
	f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	end := time.After(patient)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it does not come about")
		}
	}
}
