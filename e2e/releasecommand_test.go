package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// TestReleaseCommands drives releases from the command line: one is paused, resumed, promoted a step and rolled back;
// the next is promoted to everybody; then the deployment, which has ended, is rolled back to the revision before it.
func TestReleaseCommands(t *testing.T) {
	t.Parallel()
	c := newBlueGreen(t, "", rollBack(types.AutoRollbackEventDeploymentFailure))
	says := func(pattern string, args ...string) {
		t.Helper()
		out, err := c.slipway(args...)
		if err != nil || !regexp.MustCompile(pattern).MatchString(out) {
			t.Errorf("slipway %v: %v\n%s\n(%s is not in it)", args, err, out, pattern)
		}
	}
	until := func(pattern string, args ...string) {
		t.Helper()
		eventually(t, pattern, func() error {
			out, err := c.slipway(args...)
			if err != nil || !regexp.MustCompile(pattern).MatchString(out) {
				return fmt.Errorf("slipway %v: %w\n%s", args, err, out)
			}
			return nil
		})
	}
	c.call("PutReleasePolicy", policy(10000))
	c.first()

	id := c.deploy(c.revision("v2", nil))
	until(`\n1 +10 % +Running`, "releases", id)
	says(`\n2 +50 % +Planned`, "releases", id)
	until(`\nRunning .*shop/prod +10 % .*`+id, "releases", "--live")
	says(`stays as it is, until: slipway resume `+id, "pause", id, "-m", "looking")
	says(`\n1 +10 % +Paused`, "releases", id)
	says(`"did": "resumed"`, "resume", id, "-o", "json")
	says(`The next step of the release`, "promote", id)
	until(`\n2 +50 % +Running`, "releases", "-n", "1", id)
	if out, err := c.slipway("rollback", "shop/prod"); err == nil || !strings.Contains(out, "say --yes") {
		t.Errorf("a rollback that nobody was asked about: %v\n%s", err, out)
	}
	says(`all traffic of shop/prod returns to the old version`, "rollback", "shop/prod", "--yes", "-m", "not today")
	until(`Rolled back`, "releases", id)
	says(`not today`, "releases", id)
	c.carries("blue")
	c.over(id)

	id = c.deploy(c.revision("v3", nil))
	until(`\n1 +10 % +Running`, "releases", id)
	says(`All traffic goes to `+id, "promote", "shop/prod", "--full")
	if d := c.over(id); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%s %+v", d.Status, d.ErrorInformation)
	}
	says(`Released, 100 % of the traffic`, "releases", id)
	c.carries("green")

	says(`rolls shop/prod back to s3://.*, which did well here`, "rollback", id, "--yes")
	until(`\nRunning .*shop/prod +10 % .*d-[A-Z0-9]{9}`, "releases", "--live")
	says(`All traffic goes to d-`, "promote", "shop/prod", "--full")
	c.carries("blue")
}
