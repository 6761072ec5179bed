package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ansible returns a Python that Ansible's modules for AWS run with. The test is skipped where they are not installed.
func ansible(t *testing.T) (python string) {
	t.Helper()
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Skip("SKIPPED: no Ansible here. Install it with: apt install ansible")
	}
	out, err := exec.Command("python3", "-c", "import boto3, sys; print(sys.executable)").Output()
	if err != nil {
		t.Skip("SKIPPED: no boto3 here, which Ansible's modules need. Install it with: pip install boto3")
	}
	return strings.TrimSpace(string(out))
}

// play runs playbooks one after the other, and returns the names of the tasks that changed something.
func (i *instance) play(python string, books ...string) (changed []string) {
	i.t.Helper()
	c := exec.Command("ansible-playbook",
		append([]string{"-i", "localhost,", "-e", "ansible_python_interpreter=" + python}, books...)...)
	c.Dir = filepath.Join("testdata", "ansible")
	c.Env = append(append(environment(), i.client()...), "ANSIBLE_NOCOLOR=1", "ANSIBLE_DEPRECATION_WARNINGS=false",
		"ANSIBLE_LOCALHOST_WARNING=false", "ANSIBLE_PIPELINING=true", "LC_ALL=C.UTF-8")
	out, err := c.CombinedOutput()
	if err != nil {
		i.t.Fatalf("%s: %v\n%s", books, err, out)
	}
	task := ""
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(line, "TASK ["); ok {
			task, _, _ = strings.Cut(name, "]")
		}
		if strings.HasPrefix(line, "changed: ") {
			changed = append(changed, task)
		}
	}
	return changed
}

// Ansible's modules make what playbooks say: buckets, objects, log groups, keys, topics, security groups, load balancers;
// policies, roles, users and groups; repositories, projects and pipelines. Run again, they find nothing to change. So do
// they when they take it away.
func TestAnsible(t *testing.T) {
	t.Parallel()
	python := ansible(t)
	i := up(t)
	for _, x := range []struct {
		books []string
		first int // tasks that change something in the first run
	}{
		{[]string{"neighbours.yml", "identity.yml", "delivery.yml"}, 18},
		{[]string{"gone.yml"}, 16},
	} {
		if changed := i.play(python, x.books...); len(changed) != x.first {
			t.Errorf("the first run of %s changes %d, want %d: %q", x.books, len(changed), x.first, changed)
		}
		if changed := i.play(python, x.books...); len(changed) != 0 {
			t.Errorf("the second run of %s changes %q", x.books, changed)
		}
	}
}
