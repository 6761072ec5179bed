package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestLoadBalancerCLI goes the way of a tutorial with the aws CLI alone, by every operation.
func TestLoadBalancerCLI(t *testing.T) { //nolint:funlen // one story, told call by call
	t.Parallel()
	i := up(t, "--metrics", free(t))
	blue := newApplication(t, "blue")
	run := func(args ...string) string { return strings.TrimSpace(i.aws(append(args, "--output", "text")...)) }
	text := func(args ...string) string { return run(append([]string{"elbv2"}, args...)...) }
	lb := text("create-load-balancer", "--name", "web", "--subnets", "subnet-1", "subnet-2", "--tags",
		"Key=team,Value=web", "--query", "LoadBalancers[0].LoadBalancerArn")
	group := text("create-target-group", "--name", "blue", "--protocol", "HTTP", "--port", "80", "--target-type", "ip",
		"--vpc-id", "vpc-1", "--health-check-interval-seconds", "5", "--health-check-timeout-seconds", "2",
		"--query", "TargetGroups[0].TargetGroupArn")
	blueTarget := "Id=127.0.0.1,Port=" + strconv.Itoa(int(portOf(t, blue.address)))
	text("register-targets", "--target-group-arn", group, "--targets", blueTarget)
	address := free(t)
	listener := text("create-listener", "--load-balancer-arn", lb, "--protocol", "HTTP", "--port",
		strconv.Itoa(int(portOf(t, address))), "--default-actions", "Type=forward,TargetGroupArn="+group,
		"--query", "Listeners[0].ListenerArn")
	rule := text("create-rule", "--listener-arn", listener, "--priority", "5", "--conditions",
		`[{"Field":"http-header","HttpHeaderConfig":{"HttpHeaderName":"Cookie","Values":["*canary=yes*"]}}]`,
		"--actions",
		`[{"Type":"fixed-response","FixedResponseConfig":{"StatusCode":"418","ContentType":"text/plain","MessageBody":"canary"}}]`, "--query", "Rules[0].RuleArn")
	eventually(t, "the target is healthy", func() error {
		if state := text("describe-target-health", "--target-group-arn", group, "--query",
			"TargetHealthDescriptions[0].TargetHealth.State"); state != "healthy" {
			return errors.New(state)
		}
		return nil
	})
	text("wait", "load-balancer-available", "--load-balancer-arns", lb)
	text("wait", "target-in-service", "--target-group-arn", group)
	if status, body := get(t, "http://"+address+"/"); status != 200 || body != "blue" {
		t.Errorf("%d %q", status, body)
	}
	for _, q := range [][3]string{{"describe-load-balancers", "LoadBalancers[0].State.Code", "active"},
		{"describe-target-groups", "TargetGroups[0].HealthCheckPath", "/"},
		{"describe-account-limits", "Limits[0].Name", "application-load-balancers"},
		{"describe-ssl-policies", "SslPolicies[0].SslProtocols[0]", "TLSv1.3"}} {
		if got := text(q[0], "--query", q[1]); got != q[2] {
			t.Errorf("%s says %s", q[0], got)
		}
	}
	text("modify-rule", "--rule-arn", rule, "--conditions", "Field=path-pattern,Values=/a/*,/b/*")
	text("set-rule-priorities", "--rule-priorities", "RuleArn="+rule+",Priority=7")
	var rules struct {
		Rules []struct {
			Priority   string
			Conditions []struct{ Values []string }
		}
	}
	if err := json.Unmarshal([]byte(i.aws("elbv2", "describe-rules", "--listener-arn", listener)),
		&rules); err != nil || len(rules.Rules) != 2 || rules.Rules[0].Priority != "7" ||
		len(rules.Rules[0].Conditions[0].Values) != 2 {
		t.Errorf("%+v, %v", rules, err)
	}
	text("modify-target-group", "--target-group-arn", group, "--health-check-path", "/health")
	text("modify-target-group-attributes", "--target-group-arn", group, "--attributes",
		"Key=deregistration_delay.timeout_seconds,Value=1", "Key=stickiness.enabled,Value=false")
	text("modify-load-balancer-attributes", "--load-balancer-arn", lb, "--attributes",
		"Key=idle_timeout.timeout_seconds,Value=30")
	text("modify-listener-attributes", "--listener-arn", listener, "--attributes",
		"Key=routing.http.response.server.enabled,Value=false")
	for _, q := range [][4]string{{"describe-load-balancer-attributes", "--load-balancer-arn", lb,
		"idle_timeout.timeout_seconds=30"},
		{"describe-target-group-attributes", "--target-group-arn", group, "deregistration_delay.timeout_seconds=1"},
		{"describe-listener-attributes", "--listener-arn", listener, "routing.http.response.server.enabled=false"}} {
		key, value, _ := strings.Cut(q[3], "=")
		if got := text(q[0], q[1], q[2], "--query", "Attributes[?Key=='"+key+"'].Value"); got != value {
			t.Errorf("%s says %s", q[0], got)
		}
	}
	text("add-tags", "--resource-arns", lb, "--tags", "Key=stage,Value=prod")
	text("remove-tags", "--resource-arns", lb, "--tag-keys", "team")
	if got := text("describe-tags", "--resource-arns", lb, "--query",
		"TagDescriptions[0].Tags[*].Key"); got != "stage" {
		t.Errorf("tags %s", got)
	}

	dir := folder(t)
	var arns []string
	for _, name := range []string{"first", "second"} {
		body, key := certificate(t, name+".example.com")
		for file, content := range map[string]string{"body": body, "key": key} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		arns = append(arns,
			run("iam", "upload-server-certificate", "--server-certificate-name", name, "--certificate-body",
				"file://"+dir+"/body", "--private-key", "file://"+dir+"/key",
				"--query", "ServerCertificateMetadata.Arn"))
	}
	text("modify-listener", "--listener-arn", listener, "--protocol", "HTTPS", "--certificates",
		"CertificateArn="+arns[0],
		"--default-actions",
		`[{"Type":"redirect","RedirectConfig":{"Protocol":"HTTPS","Port":"443","StatusCode":"HTTP_301"}}]`)
	text("add-listener-certificates", "--listener-arn", listener, "--certificates", "CertificateArn="+arns[1])
	if got := text("describe-listener-certificates", "--listener-arn", listener, "--query",
		"length(Certificates)"); got != "2" {
		t.Errorf("%s certificates", got)
	}
	text("remove-listener-certificates", "--listener-arn", listener, "--certificates", "CertificateArn="+arns[1])
	run("iam", "delete-server-certificate", "--server-certificate-name", "second")
	if got := run("iam", "list-server-certificates", "--query",
		"ServerCertificateMetadataList[*].ServerCertificateName"); got != "first" {
		t.Errorf("certificates %s", got)
	}
	if got := run("iam", "get-server-certificate", "--server-certificate-name", "first", "--query",
		"ServerCertificate.CertificateBody"); !strings.HasPrefix(got, "-----BEGIN CERTIFICATE-----") {
		t.Errorf("certificate %s", got)
	}
	if got := text("describe-listeners", "--load-balancer-arn", lb, "--query",
		"Listeners[0].[Protocol,DefaultActions[0].RedirectConfig.Host]"); got != "HTTPS\t#{host}" {
		t.Errorf("listener %q", got)
	}

	text("deregister-targets", "--target-group-arn", group, "--targets", "Id=127.0.0.1")
	text("wait", "target-deregistered", "--target-group-arn", group, "--targets", blueTarget)
	text("delete-rule", "--rule-arn", rule)
	text("delete-listener", "--listener-arn", listener)
	text("delete-target-group", "--target-group-arn", group)
	text("delete-load-balancer", "--load-balancer-arn", lb)
	text("wait", "load-balancers-deleted", "--load-balancer-arns", lb)
	if out, err := i.awsFails("elb", "describe-load-balancers"); err == nil ||
		!strings.Contains(fmt.Sprint(out, err), "NoSuchVersion") {
		t.Errorf("the older Elastic Load Balancing: %s, %v", out, err)
	}
}
