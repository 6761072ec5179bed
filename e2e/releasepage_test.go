package e2e

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/chromedp/chromedp"
)

// TestReleaseOnThePage watches a release, holds it, lets it go on, promotes it; and takes the next one back.
func TestReleaseOnThePage(t *testing.T) {
	t.Parallel()
	c := newBlueGreen(t, "", func(in *codedeploy.CreateDeploymentGroupInput) {
		in.BlueGreenDeploymentConfiguration = &types.BlueGreenDeploymentConfiguration{
			DeploymentReadyOption: &types.DeploymentReadyOption{
				ActionOnTimeout: types.DeploymentReadyActionStopDeployment, WaitTimeInMinutes: 60,
			},
			TerminateBlueInstancesOnDeploymentSuccess: &types.BlueInstanceTerminationOption{
				Action: types.InstanceActionTerminate, TerminationWaitTimeInMinutes: 60,
			},
		}
	})
	b := newBrowser(t, c.instance)
	// The first deployment waits for somebody too, before it takes the traffic.
	first := c.deploy(c.revision("v1", nil))
	b.open("/deployments/" + first)
	b.shows("has no traffic yet")
	b.inspect("deployment-ready")
	b.leads("a", "Shift the traffic")
	b.do(chromedp.KeyEvent("\r"))
	c.carries("blue")
	c.over(first)
	c.policy(10, 600, 50, 600, 100, 0)
	users := newUsers(t, c.front)

	id := c.deploy(c.revision("v2", nil))
	b.open("/deployments/" + id)
	b.shows("has no traffic yet")
	b.click("#continue")
	b.shows("Watch the release")
	b.inspect("deployment-shifting")
	b.open("/releases/" + id)
	b.shows("The new version has 10 % of the traffic")
	b.shows("planned at")
	eventually(t, "both sides are measured", func() error {
		b.do(chromedp.Reload())
		if n := eval[int](b, `document.querySelectorAll("#beside .spark").length`); n == 0 {
			return errors.New("no comparison")
		}
		if n := eval[int](b, `document.querySelectorAll("#beside path.old").length`); n == 0 {
			return errors.New("no latency")
		}
		return nil
	})
	b.inspect("release")
	b.click("#pause")
	b.shows("The release is paused")
	b.shows("Paused at 10 %")
	b.inspect("release-paused")
	b.click("#resume")
	b.shows("Releasing, 10 %")
	b.leads("p", "Promote to 50 % now")
	b.do(chromedp.KeyEvent("\r"))
	b.shows("The new version has 50 % of the traffic")
	b.shows("Promoted to the next step")
	b.click("#promote")
	b.shows("Released")
	c.carries("green")
	b.visit("release-done", "/releases/"+id, "The new version has all of the traffic")
	b.visit("releases", "/releases", "Released")
	b.open("/deployments/" + id)
	b.shows("Original hosts are kept")
	b.inspect("deployment-standing-by")
	b.click("#terminate")
	if d := c.over(id); d.Status != types.DeploymentStatusSucceeded {
		t.Errorf("%s: %+v", d.Status, d.ErrorInformation)
	}
	b.shows("Succeeded")

	id = c.deploy(c.revision("v3", nil))
	b.open("/deployments/" + id)
	b.shows("has no traffic yet")
	b.click("#continue")
	b.shows("Watch the release")
	b.open("/releases/" + id)
	b.shows("The new version has 10 % of the traffic")
	b.leads("b", "Roll back")
	b.do(chromedp.KeyEvent("\r")) // asks in place
	b.do(chromedp.WaitVisible("#rollback-why"), chromedp.SendKeys("#rollback-why", "it smells"),
		chromedp.Click("#rollback-now"))
	b.shows("it smells")
	b.shows("Rolled back")
	b.inspect("release-rolled-back")
	c.carries("green")
	users.end()
	users.failed(t)
	b.visit("deployment-rolled-back", "/deployments/"+id, "it smells")
}

// TestManyHostsOnAPage keeps a deployment to many hosts a page that can be read.
func TestManyHostsOnAPage(t *testing.T) {
	t.Parallel()
	i := up(t)
	f := &fleet{instance: i, api: codedeploy.NewFromConfig(i.sdk())}
	f.bucket("bundles", false)
	must(f.api.CreateApplication(t.Context(),
		&codedeploy.CreateApplicationInput{ApplicationName: aws.String("shop")}))(t)
	must(f.api.CreateDeploymentGroup(t.Context(),
		&codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("shop"),
			DeploymentGroupName: aws.String("prod"), ServiceRoleArn: aws.String(role),
			DeploymentConfigName: aws.String("CodeDeployDefault.AllAtOnce"),
			OnPremisesInstanceTagFilters: []types.TagFilter{{Key: aws.String("service"), Value: aws.String("web"),
				Type: types.TagFilterTypeKeyAndValue}}}))(t)
	const hosts = 130
	for n := range hosts {
		if out, err := i.slipway("api", "slipway", "CreateHost",
			fmt.Sprintf(`{"name": "web%03d", "tags": {"service": "web"}}`, n)); err != nil {
			t.Fatal(out)
		}
	}
	id := f.deploy(f.revision("v1", nil))
	b := newBrowser(t, i)
	b.visit("deployment-to-many", "/deployments/"+id, "more than 88 others")
	b.visit("all-hosts", "/deployments/"+id+"/hosts", "web099")
	b.click("main > p > a.btn")
	b.shows("web129")
	b.visit("many-hosts", "/settings/hosts", "More hosts")
}
