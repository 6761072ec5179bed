package server_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"slipway/api/awsproto/sigv4"
	cmd "slipway/api/codedeploycommand"
	"slipway/internal/agent"
	"slipway/internal/deploy"
	"slipway/internal/journal"
)

const ongoing = "opt/codedeploy-agent/deployment-root/ongoing-deployment"

// leave writes what an agent that died leaves behind: a command in hand.
func (h *host) leave(t *testing.T, id string, x *cmd.HostCommandInstance, lines ...string) {
	t.Helper()
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(h.root, ongoing)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, id),
		[]byte(strings.Join(append([]string{string(text)}, lines...), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnAgentThatDied(t *testing.T) {
	for name, c := range map[string]struct {
		acknowledged bool
		lines        []string
		status       types.DeploymentStatus
		message      string
	}{
		"before it acknowledged": {false, nil, types.DeploymentStatusSucceeded, ""},
		"after it acknowledged":  {true, nil, types.DeploymentStatusSucceeded, ""},
		"while it ran": {true, []string{"started"}, types.DeploymentStatusFailed,
			"The agent was started anew while ApplicationStop was in progress. How it ended is not known; it is not " +
				"run again by itself."},
		"when it had failed": {true,
			[]string{"started", `{"status":"Failed","error_code":4,"script_name":"s","message":"no","log":""}`},
			types.DeploymentStatusFailed, "no"},
		"when it had succeeded": {true, []string{"started", `{"status":"Succeeded"}`},
			types.DeploymentStatusSucceeded, ""},
		"while it wrote that it had": {true, []string{"started", `{"status":"Succ`}, types.DeploymentStatusFailed,
			"The agent was started anew while ApplicationStop was in progress. How it ended is not known; it is not " +
				"run again by itself."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := w.newHost("web1", map[string]string{"role": "web"})
			w.group("CodeDeployDefault.AllAtOnce")
			id := w.deploy(w.release("v1", nil))
			c0 := w.speak(h)
			x := c0.poll()
			if c.acknowledged {
				c0.acknowledge(x)
			}
			h.leave(t, id, x, c.lines...)
			w.start(h)
			d := w.wait(id)
			if d.Status != c.status {
				t.Fatalf("%+v %+v", d.Status, d.ErrorInformation)
			}
			if e := event1(w.target(id, "web1"), "ApplicationStop"); c.message != "" &&
				*e.Diagnostics.Message != c.message {
				t.Fatalf("%s", *e.Diagnostics.Message)
			}
			eventually(t, func() bool {
				left, err := os.ReadDir(filepath.Join(h.root, ongoing))
				return err == nil && len(left) == 0
			})
		})
	}
}

func TestTheServerGoesAwayWhileAScriptRuns(t *testing.T) {
	w := newWorld(t)
	h := w.fleet(1)[0]
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("v1",
		map[string]string{
			"AfterInstall": `mkfifo "$SLIPWAY_ROOT/gate"; echo before; read x < "$SLIPWAY_ROOT/gate"; echo after
				echo ran >> "$SLIPWAY_ROOT/ran"`,
		}))
	// The output is there while the script runs.
	name := deploy.LogName("shop", id, "web1", "AfterInstall")
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	if err := w.journal.Wait(ctx, name, 2); err != nil {
		t.Fatal(err)
	}
	p, err := w.journal.Read(ctx, name, journal.Query{Limit: 10})
	if err != nil || p.Complete || len(p.Lines) != 3 || p.Lines[2].Text != "[stdout]before" {
		t.Fatalf("%+v %v", p, err)
	}
	w.down(true)
	open(t, h.root+"/gate")
	eventually(t, func() bool { return exists(h.root + "/ran") })
	w.down(false)
	if d := w.wait(id); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	if got := read(t, h.root, "ran"); got != "ran\n" {
		t.Errorf("it ran %q", got)
	}
	if got := w.log(id, "web1", "AfterInstall"); len(got) != 4 || got[3] != "[stdout]after" {
		t.Errorf("%q", got)
	}
}

func TestAnAgentIsStoppedWhileAScriptRuns(t *testing.T) {
	w := newWorld(t)
	h := w.fleet(1)[0]
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("v1", map[string]string{"AfterInstall": `touch "$SLIPWAY_ROOT/here"; sleep 60`}))
	eventually(t, func() bool { return exists(h.root + "/here") })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	d := w.wait(id)
	e := event1(w.target(id, "web1"), "AfterInstall")
	if d.Status != types.DeploymentStatusFailed ||
		!strings.Contains(*e.Diagnostics.Message, "was ended because the agent was stopped") {
		t.Fatalf("%+v %+v", d.Status, *e.Diagnostics.Message)
	}
}

func TestAnotherSignerIsRefused(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	pin := filepath.Join(h.root, "opt/codedeploy-agent/state/signer.pem")
	if err := os.MkdirAll(filepath.Dir(pin), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pin, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	w.start(h)
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("v1", nil))
	d := w.wait(id)
	if e := event1(w.target(id, "web1"), "ApplicationStop"); d.Status != types.DeploymentStatusFailed ||
		!strings.Contains(*e.Diagnostics.Message, "signed by another signer") {
		t.Fatalf("%+v %s", d.Status, *e.Diagnostics.Message)
	}
	if exists(filepath.Join(h.root, "srv")) {
		t.Error("it was installed")
	}
}

func TestABundleThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.fleet(1)
	w.group("CodeDeployDefault.AllAtOnce")
	r := w.release("v1", nil)
	*r.S3Location.Key = "none.zip"
	id := w.deploy(r)
	w.wait(id)
	if e := event1(w.target(id, "web1"), "DownloadBundle"); e.Status != types.LifecycleEventStatusFailed ||
		!strings.Contains(*e.Diagnostics.Message, "fetch s3://bundles/none.zip: NoSuchKey") {
		t.Fatalf("%s", *e.Diagnostics.Message)
	}
}

func TestABundleWithAnAwkwardName(t *testing.T) {
	w := newWorld(t)
	h := w.fleet(1)[0]
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("a folder/v+1 (ü) 100% &=;~'!*", map[string]string{"BeforeInstall": "true"}))
	if d := w.wait(id); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v %s", d.ErrorInformation, *event1(w.target(id, "web1"), "DownloadBundle").Diagnostics.Message)
	}
	if got := read(t, h.root, "srv/shop/version"); got != "a folder/v+1 (ü) 100% &=;~'!*" {
		t.Errorf("%q", got)
	}
}

func TestABrokenSpecificationSaysWhere(t *testing.T) {
	w := newWorld(t)
	w.fleet(1)
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.bundle("broken.zip",
		map[string]string{"appspec.yml": "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n  - timeout: 3\n"}))
	w.wait(id)
	if e := event1(w.target(id, "web1"),
		"BeforeInstall"); *e.Diagnostics.Message != "appspec.yml:5:5: a script has no location" {
		t.Fatalf("%s", *e.Diagnostics.Message)
	}
}

func TestTwoDeploymentsOnOneHostAtOnce(t *testing.T) {
	w := newWorld(t)
	h := w.fleet(1)[0]
	w.group("CodeDeployDefault.AllAtOnce")
	gate := func(mine, other string) map[string]string {
		return map[string]string{
			"BeforeInstall": `touch "$SLIPWAY_ROOT/` + mine + `"; until [ -e "$SLIPWAY_ROOT/` + other +
				`" ]; do sleep 0.05; done`, "ApplicationStop": "true", "AfterInstall": "true",
			"ApplicationStart": "true", "ValidateService": "true",
		}
	}
	one := w.deploy(w.release("one", gate("a", "b")))
	second := w.group2("beta")
	two := w.deploy(w.release("two", gate("b", "a")), second)
	// They install the same files: the second one is refused by the first one's. That they meet is what counts.
	eventually(t, func() bool { return exists(h.root+"/a") && exists(h.root+"/b") })
	w.waitAll(one, two)
}

func TestTwoAgentsInOneRoot(t *testing.T) {
	w := newWorld(t)
	h := w.fleet(1)[0]
	lock := filepath.Join(h.root, "opt/codedeploy-agent/state/lock")
	eventually(t, func() bool { return exists(lock) })
	err := agent.Run(t.Context(),
		agent.Config{Endpoint: w.url, Region: region, Name: h.name, Root: h.root,
			Credentials: sigv4.Credentials{AccessKeyID: h.key.ID, SecretAccessKey: h.key.Secret}})
	if err == nil || !strings.Contains(err.Error(), "another agent holds") {
		t.Fatal(err)
	}
}

func TestTheOnPremisesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "codedeploy.onpremises.yml")
	whole := "---\nregion: eu-central-1\niam_user_arn: " +
		"arn:aws:iam::123456789012:user/AWS/CodeDeploy/web1\naws_access_key_id: AKIA\naws_secret_access_key: secret\n"
	for text, want := range map[string]string{whole: "",
		strings.Replace(whole, "region: eu-central-1\n", "", 1): "region is missing",
		"- a": "it must be YAML with region", "iam_session_arn: x": "iam_session_arn is not supported"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var c agent.Config
		err := c.ReadOnPremises(path)
		if want == "" &&
			(err != nil || c.HostIdentifier != "arn:aws:iam::123456789012:user/AWS/CodeDeploy/web1" ||
				c.Region != "eu-central-1" || c.Credentials.SecretAccessKey != "secret") {
			t.Errorf("%+v %v", c, err)
		}
		if want != "" &&
			(err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret\n")) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
