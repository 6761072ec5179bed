package loadbalancer_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// TestWhatIsSoAlreadyChangesNothing registers and deregisters twice: routers get no other table, and nobody is told,
// so that who acts on what it is told, and asks again, comes to an end.
func TestWhatIsSoAlreadyChangesNothing(t *testing.T) {
	w := start(t)
	_, _, blue, _ := w.balanced("shop", 8080)
	targets := []types.TargetDescription{{Id: aws.String("10.0.0.1")},
		{Id: aws.String("10.0.0.2"), Port: aws.Int32(81)}}
	register := func() {
		t.Helper()
		must(w.sdk.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &blue, Targets: targets}))(t)
	}
	deregister := func() {
		t.Helper()
		must(w.sdk.DeregisterTargets(t.Context(),
			&elb.DeregisterTargetsInput{TargetGroupArn: &blue, Targets: targets}))(t)
	}
	for what, do := range []func(){register, deregister} {
		do()
		<-w.health
		version := w.take("r", 0).Version
		do()
		if again := w.take("r", 0).Version; again != version || len(w.health) != 0 {
			t.Errorf("%d: version %d, then %d; told %d times more", what, version, again, len(w.health))
		}
	}
	version := w.take("r", 0).Version
	register() // while they drain
	<-w.health
	if again := w.take("r", 0).Version; again == version {
		t.Error("what drains is not registered again")
	}
}
