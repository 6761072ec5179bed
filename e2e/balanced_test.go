package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// balanced is an instance with a load balancer.
type balanced struct {
	*instance
	elb      *elb.Client
	lb       string
	listener string
	address  string // of the listener
	metrics  string // address of the router's

	mark, markListener string // tells of what the router serves; see does
	marks              int
}

// balance makes a load balancer with a listener that answers "nobody".
func balance(t testing.TB) *balanced {
	t.Helper()
	b := &balanced{metrics: free(t)}
	b.instance = up(t, "--metrics", b.metrics)
	b.elb = elb.NewFromConfig(b.sdk())
	b.lb = *must(b.elb.CreateLoadBalancer(t.Context(),
		&elb.CreateLoadBalancerInput{Name: aws.String("web")}))(t).LoadBalancers[0].LoadBalancerArn
	b.listener, b.address = b.listen(types.ProtocolEnumHttp, fixed("nobody"))
	b.markListener, b.mark = b.listen(types.ProtocolEnumHttp, fixed(""))
	return b
}

func (b *balanced) listen(protocol types.ProtocolEnum, actions []types.Action,
	certificates ...string) (arn, address string) {
	b.t.Helper()
	address = free(b.t)
	in := &elb.CreateListenerInput{LoadBalancerArn: &b.lb, Port: aws.Int32(portOf(b.t, address)), Protocol: protocol,
		DefaultActions: actions}
	for n := range certificates[:min(1, len(certificates))] {
		in.Certificates = []types.Certificate{{CertificateArn: &certificates[n]}}
	}
	arn = *must(b.elb.CreateListener(b.t.Context(), in))(b.t).Listeners[0].ListenerArn
	for _, c := range certificates[min(1, len(certificates)):] {
		defer b.does(func() {})
		must(b.elb.AddListenerCertificates(b.t.Context(),
			&elb.AddListenerCertificatesInput{ListenerArn: &arn,
				Certificates: []types.Certificate{{CertificateArn: &c}}}))(b.t)
	}
	eventually(b.t, "the listener listens", func() error {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	return arn, address
}

// group makes a target group of addresses.
func (b *balanced) group(name, version string, addresses ...string) string {
	b.t.Helper()
	in := &elb.CreateTargetGroupInput{Name: &name, Protocol: types.ProtocolEnumHttp, ProtocolVersion: &version,
		Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp, HealthCheckIntervalSeconds: aws.Int32(5),
		HealthCheckTimeoutSeconds: aws.Int32(2)}
	if version == "GRPC" {
		in.Matcher = &types.Matcher{GrpcCode: aws.String("0-99")}
	}
	arn := *must(b.elb.CreateTargetGroup(b.t.Context(), in))(b.t).TargetGroups[0].TargetGroupArn
	for _, a := range addresses {
		b.register(arn, a)
	}
	return arn
}

func target(t testing.TB, address string) []types.TargetDescription {
	return []types.TargetDescription{{Id: aws.String("127.0.0.1"), Port: aws.Int32(portOf(t, address))}}
}

func (b *balanced) register(group, address string) {
	b.t.Helper()
	must(b.elb.RegisterTargets(b.t.Context(),
		&elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: target(b.t, address)}))(b.t)
}

func (b *balanced) deregister(group, address string) {
	b.t.Helper()
	must(b.elb.DeregisterTargets(b.t.Context(),
		&elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: target(b.t, address)}))(b.t)
}

func (b *balanced) set(group string, attributes ...string) {
	b.t.Helper()
	in := &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &group}
	for n := 0; n < len(attributes); n += 2 {
		in.Attributes = append(in.Attributes, types.TargetGroupAttribute{Key: &attributes[n], Value: &attributes[n+1]})
	}
	must(b.elb.ModifyTargetGroupAttributes(b.t.Context(), in))(b.t)
}

// does makes changes and waits until the router serves them. Tables are served whole and in order, so that a mark that
// was made after them tells.
func (b *balanced) does(change func()) {
	b.t.Helper()
	change()
	b.marks++
	mark := fmt.Sprint("mark ", b.marks)
	must(b.elb.ModifyListener(b.t.Context(),
		&elb.ModifyListenerInput{ListenerArn: &b.markListener, DefaultActions: fixed(mark)}))(b.t)
	eventually(b.t, "the router serves the change", func() error {
		if _, now := ask(b.t, http.DefaultClient, "GET", "http://"+b.mark); now != mark {
			return errors.New("it is at " + now)
		}
		return nil
	})
}

func (b *balanced) forward(listener string, actions ...types.Action) {
	b.t.Helper()
	b.does(func() {
		must(b.elb.ModifyListener(b.t.Context(),
			&elb.ModifyListenerInput{ListenerArn: &listener, DefaultActions: actions}))(b.t)
	})
}

// weights is a forward action: groups and their weights in turn.
func weights(groups ...any) types.Action {
	f := &types.ForwardActionConfig{}
	for n := 0; n < len(groups); n += 2 {
		f.TargetGroups = append(f.TargetGroups,
			types.TargetGroupTuple{TargetGroupArn: aws.String(groups[n].(string)),
				Weight: aws.Int32(int32(groups[n+1].(int)))})
	}
	return types.Action{Type: types.ActionTypeEnumForward, ForwardConfig: f}
}

// health is the state of a group's only target, with the reason.
func (b *balanced) health(group, address string) string {
	b.t.Helper()
	h := must(b.elb.DescribeTargetHealth(b.t.Context(),
		&elb.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: target(b.t, address)}))(
		b.t).TargetHealthDescriptions[0].TargetHealth
	return strings.TrimSpace(string(h.State) + " " + string(h.Reason))
}

func (b *balanced) is(group, address, state string) {
	b.t.Helper()
	eventually(b.t, "the target is "+state, func() error {
		if now := b.health(group, address); now != state {
			return errors.New("it is " + now)
		}
		return nil
	})
}

// ask sends one request and returns the answer's status and body.
func ask(t testing.TB, c *http.Client, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r := must(http.NewRequestWithContext(t.Context(), method, url, nil))(t)
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	resp := must(c.Do(r))(t)
	defer resp.Body.Close()
	return resp, string(must(io.ReadAll(resp.Body))(t))
}
