package e2e

import (
	"os/exec"
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

// play runs a playbook and returns its recap: how many tasks changed something.
func (i *instance) play(python, book string) string {
	i.t.Helper()
	c := exec.Command("ansible-playbook", "-i", "localhost,", "-e", "ansible_python_interpreter="+python,
		"testdata/ansible/"+book)
	c.Env = append(append(environment(), i.client()...), "ANSIBLE_NOCOLOR=1", "ANSIBLE_DEPRECATION_WARNINGS=false",
		"ANSIBLE_LOCALHOST_WARNING=false", "LC_ALL=C.UTF-8")
	out, err := c.CombinedOutput()
	if err != nil {
		i.t.Fatalf("%s: %v\n%s", book, err, out)
	}
	_, recap, _ := strings.Cut(string(out), "PLAY RECAP")
	return recap
}

// Ansible's modules for buckets, objects, log groups, keys, topics, security groups and load balancers make what a
// playbook says; run again, they find nothing to change. So do they when they take it away.
func TestAnsible(t *testing.T) {
	t.Parallel()
	python := ansible(t)
	i := up(t)
	for _, book := range []string{"neighbours.yml", "gone.yml"} {
		if recap := i.play(python, book); strings.Contains(recap, "changed=0 ") {
			t.Errorf("the first run of %s changes nothing: %s", book, recap)
		}
		if recap := i.play(python, book); !strings.Contains(recap, "changed=0 ") {
			t.Errorf("the second run of %s changes something: %s", book, recap)
		}
	}
}
