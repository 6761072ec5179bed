package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// gli is what AWS's agent needs of the gem of that name, which Debian does not have: a command line with one flag.
const gli = `module GLI
  module App
    Command = Struct.new(:block) do
      def action(&block) self.block = block end
    end
    def program_desc(*) end
    def desc(*) end
    def default_value(*) end
    def arg_name(*) end
    def flag(*) end
    def pre(&block) @pre = block end
    def on_error(&block) end
    def command(name)
      c = Command.new
      yield c
      (@commands ||= {})[name] = c
    end
    def run(args)
      at = args.index('--config_file')
      global = at ? {config_file: args[at + 1]} : {}
      @pre.call(global, nil, {}, args)
      @commands[args.last.to_sym].block.call(global, {}, args)
      0
    end
  end
end
`

// awsAgent starts AWS's own agent, unmodified, as a host. It runs until the test ends.
func awsAgent(t *testing.T, f *fleet, h *host, secure bool) {
	t.Helper()
	source := os.Getenv("SLIPWAY_TEST_AWS_AGENT")
	dir := t.TempDir()
	for _, d := range []string{"log", "pid", "lib"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	onPremises := fmt.Sprintf("---\nregion: %s\niam_user_arn: %s\naws_access_key_id: %s\naws_secret_access_key: %s\n",
		region, "arn:aws:iam::"+account+":user/AWS/CodeDeploy/"+h.name, h.AccessKeyId, h.SecretAccessKey)
	// The profile beta leaves out the check of the server's certificate, which a test over plain HTTP has not.
	config := fmt.Sprintf(
		"---\n:root_dir: %[1]s/root\n:log_dir: %[1]s/log\n:pid_dir: %[1]s/pid\n:program_name: "+
			"codedeploy-agent\n:wait_between_runs: 0\n:wait_after_error: 1\n"+
			":codedeploy_test_profile: beta\n:kill_agent_max_wait_time_seconds: 3\n:deploy_control_endpoint: "+
			"%[2]s\n:s3_endpoint_override: %[2]s\n"+
			":on_premises_config_file: %[1]s/onpremises.yml\n:enable_auth_policy: %[3]v\n:verbose: false\n", dir, f.url,
		secure)
	for name, content := range map[string]string{"onpremises.yml": onPremises, "agent.yml": config, "lib/gli.rb": gli} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The folders of the gems that come with the agent go first: their declared dependencies have other versions at
	// Debian.
	libs := must(filepath.Glob(filepath.Join(source, "vendor/gems/*/lib")))(t)
	path := strings.Join(append(libs, filepath.Join(dir, "lib")), ":")
	c := exec.Command("ruby", "-I", path, filepath.Join(source, "lib/codedeploy-agent.rb"), "--config_file",
		filepath.Join(dir, "agent.yml"), "start")
	c.Env = append(environment(), "SLIPWAY_ROOT="+h.root)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said := must(os.Create(filepath.Join(dir, "said")))(t) // no pipe, which the process that it leaves would hold open
	defer said.Close()
	c.Stdout, c.Stderr = said, said
	if err := c.Run(); err != nil {
		out, _ := os.ReadFile(said.Name())
		t.Fatalf("AWS's agent does not start: %v\n%s", err, out)
	}
	group := c.Process.Pid
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "log/codedeploy-agent.log"))
			t.Logf("AWS's agent says:\n%s", tail(string(text), 6000))
		}
		_ = syscall.Kill(-group, syscall.SIGKILL) // the master and its child, which this test started
	})
	eventually(t, "AWS's agent has a process", func() error {
		text, err := os.ReadFile(filepath.Join(dir, "pid/codedeploy-agent.pid"))
		if err != nil {
			return err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return err
		}
		if pgid, err := syscall.Getpgid(pid); err != nil || pgid != group {
			return fmt.Errorf("it is in the process group %d, not %d: %w", pgid, group, err)
		}
		return nil
	})
}

// skipWithoutAWSAgent says loudly what is missing.
func skipWithoutAWSAgent(t *testing.T) {
	t.Helper()
	if os.Getenv("SLIPWAY_TEST_AWS_AGENT") == "" {
		t.Skip(
			"SKIPPED: AWS's agent is NOT tested: set SLIPWAY_TEST_AWS_AGENT to a checkout of " +
				"github.com/aws/aws-codedeploy-agent (1.8.1), and install its packages: " +
				"apt-get install -y --no-install-recommends ruby ruby-aws-sdk-core ruby-aws-sdk-s3 ruby-aws-sdk-kms " +
				"ruby-concurrent ruby-logging ruby-zip ruby-webrick unzip")
	}
	if _, err := exec.LookPath("ruby"); err != nil {
		t.Skip("SKIPPED: AWS's agent is NOT tested: ruby is not here. Install it with: apt-get install -y ruby")
	}
}

// events are what a target went through.
func (f *fleet) events(id, host string) string {
	var all []string
	for _, e := range f.target(id, host).LifecycleEvents {
		text := *e.LifecycleEventName + " " + string(e.Status)
		if e.Status == types.LifecycleEventStatusFailed && e.Diagnostics != nil {
			text += " (" + string(e.Diagnostics.ErrorCode) + ": " + aws.ToString(e.Diagnostics.Message) + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// TestAWSsAgent: AWS's own agent passes all of its events, by either name of the command service.
func TestAWSsAgent(t *testing.T) {
	skipWithoutAWSAgent(t)
	for name, secure := range map[string]bool{"the usual target": false, "the secure target": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 0, "CodeDeployDefault.AllAtOnce")
			h := f.host("web1", map[string]string{"role": "web"})
			if err := os.MkdirAll(h.root, 0o755); err != nil {
				t.Fatal(err)
			}
			awsAgent(t, f, h, secure)
			bundle := func(version, hooks string, scripts map[string]string) *types.RevisionLocation {
				files := map[string]string{"version": version,
					"appspec.yml": "version: 0.0\nos: linux\nfile_exists_behavior: OVERWRITE\nfiles:\n  - source: " +
						"/version\n    destination: " + h.root + "/srv\nhooks:\n" + hooks}
				for name, body := range scripts {
					files[name] = "#!/bin/sh\n" + body + "\n"
				}
				f.put("bundles", version+".zip", zipped(t, files))
				return &types.RevisionLocation{RevisionType: types.RevisionLocationTypeS3,
					S3Location: &types.S3Location{Bucket: aws.String("bundles"), Key: aws.String(version + ".zip"),
						BundleType: types.BundleTypeZip}}
			}
			note := map[string]string{
				"note.sh": `echo "$(cat ` + h.root + `/srv/version 2>/dev/null) $LIFECYCLE_EVENT" >> ` + h.root +
					`/ran`,
			}
			all := ""
			for _, event := range []string{"ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart",
				"ValidateService"} {
				all += "  " + event + ":\n    - location: note.sh\n      timeout: 30\n"
			}
			for _, c := range []struct {
				revision *types.RevisionLocation
				status   types.DeploymentStatus
				says     string
			}{
				{bundle("v1", all, note), types.DeploymentStatusSucceeded, "ValidateService Succeeded"},
				{bundle("v2", all, note), types.DeploymentStatusSucceeded, "ApplicationStop Succeeded"},
				{bundle("v3", "  BeforeInstall:\n    - location: s.sh\n", map[string]string{"s.sh": "exit 7"}),
					types.DeploymentStatusFailed, "BeforeInstall Failed (ScriptFailed: "},
				{bundle("v4", "  AfterInstall:\n    - location: no.sh\n", nil), types.DeploymentStatusFailed,
					"AfterInstall Failed (ScriptMissing: "},
				{bundle("v5", "  AfterInstall:\n    - location: s.sh\n      timeout: 1\n",
					map[string]string{"s.sh": "sleep 9"}), types.DeploymentStatusFailed,
					"AfterInstall Failed (ScriptTimedOut: "},
				{bundle("v6", all, note), types.DeploymentStatusSucceeded, "ValidateService Succeeded"},
			} {
				id := f.deploy(c.revision)
				if d := f.over(id); d.Status != c.status || !strings.Contains(f.events(id, "web1"), c.says) {
					t.Fatalf("%s: %s: %s; want %s with %s", *c.revision.S3Location.Key, d.Status, f.events(id, "web1"),
						c.status, c.says)
				}
			}
			ran, err := os.ReadFile(filepath.Join(h.root, "ran"))
			want := " BeforeInstall\nv1 AfterInstall\nv1 ApplicationStart\nv1 ValidateService\nv1 " +
				"ApplicationStop\nv1 " +
				"BeforeInstall\nv2 AfterInstall\n"
			if errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(string(ran), want) {
				t.Errorf("its hooks ran so: %q, %v; want %q first", ran, err, want)
			}
		})
	}
}
