// Package sdkcheck_test compares the shapes of api/ with those of the current AWS SDK for Go v2: nothing that AWS knows
// may be dropped because our model, generated from an older one, lacks it.
package sdkcheck_test

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	awsacm "github.com/aws/aws-sdk-go-v2/service/acm"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	awscodecommit "github.com/aws/aws-sdk-go-v2/service/codecommit"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	awselbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"slipway/api/acm"
	"slipway/api/cloudwatch"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/ec2"
	"slipway/api/elbv2"
	"slipway/api/iam"
	"slipway/api/kms"
	"slipway/api/logs"
	"slipway/api/secretsmanager"
	"slipway/api/sns"
	"slipway/api/ssm"
	"slipway/api/sts"
)

// absent are operations, members and enum values that AWS has and our model has not, each with its reason. An operation
// that is absent answers 501 by its name, unless another reason stands here.
var absent = map[string]string{
	"secretsmanager.DescribeSecretOutput.CrossAccountPrimary":            "said of replicas, which are refused",
	"secretsmanager.DescribeSecretOutput.CrossAccountReplicas":           "said of replicas, which are refused",
	"secretsmanager.DescribeSecretOutput.ExternalSecretRotationMetadata": "said of rotation, which is refused",
	"secretsmanager.DescribeSecretOutput.ExternalSecretRotationRoleArn":  "said of rotation, which is refused",
	"secretsmanager.SecretListEntry.ExternalSecretRotationMetadata":      "said of rotation, which is refused",
	"secretsmanager.SecretListEntry.ExternalSecretRotationRoleArn":       "said of rotation, which is refused",
	"elbv2.SourceIpConditionConfig.IpAddressType":                        "of Network Load Balancers, which are refused",
	"codedeploy.RevisionLocation.String_":                                "the member string, by another name in Go",
	"acm.CertificateDetail.AcmeAccountId":                                "said of certificates got by ACME; ours are imported",
	"acm.CertificateDetail.AcmeEndpointArn":                              "said of certificates got by ACME; ours are imported",
	"acm.CertificateDetail.UpdateSummary":                                "said of certificates that ACM renews; ours are imported",
	"ec2.VpcEncryptionControlExclusions.ApiGatewayV2":                    "said of VPCs with encryption controls; ours has none",
	"ec2.VpcEncryptionControlExclusions.GlobalAccelerator":               "said of VPCs with encryption controls; ours has none",
	"kms.KeyMetadata.EncapsulationAlgorithms":                            "said of keys for encapsulation; ours encrypt",
	"kms.GrantListEntry.GranteeServicePrincipal":                         "said of grants to services; ours are to principals of IAM",
	"kms.GrantListEntry.RetiringServicePrincipal":                        "said of grants to services; ours are to principals of IAM",
	"logs.LogGroupClass=ESSENTIALS":                                      "said of log groups; ours are STANDARD",
	"logs.LogGroup.RetentionPolicyName":                                  "said of log groups; ours have no retention policies",
	"iam.Role.SourceRoleTemplate":                                        "said of roles made of a template; ours are not",
	"sts.AssumeRoleOutput.SessionTokenSize":                              "of tokens that are padded, which is refused",
	"sts.AssumeRoleOutput.SessionTokenUtilization":                       "of tokens that are padded, which is refused",
	"sts.AssumeRoleWithWebIdentityOutput.SessionTokenSize":               "of tokens that are padded, which is refused",
	"sts.AssumeRoleWithWebIdentityOutput.SessionTokenUtilization":        "of tokens that are padded, which is refused",
	"sts.GetFederationTokenOutput.SessionTokenSize":                      "of tokens that are padded, which is refused",
	"sts.GetFederationTokenOutput.SessionTokenUtilization":               "of tokens that are padded, which is refused",
	"sts.GetSessionTokenOutput.SessionTokenSize":                         "of tokens that are padded, which is refused",
	"sts.GetSessionTokenOutput.SessionTokenUtilization":                  "of tokens that are padded, which is refused",
	"cloudwatch.AlarmType=LogAlarm":                                      "AlarmTypes is a filter: there are no alarms of this type",
	"cloudwatch.DescribeAlarmsOutput.LogAlarms":                          "there are none",
}

func TestNothingThatAWSHasIsMissing(t *testing.T) {
	stale := maps.Clone(absent)
	for name, pair := range map[string]struct {
		aws, ours reflect.Type
		some      bool // only the operations that we have: of the others the model knows the names
	}{
		"acm":            {reflect.TypeFor[*awsacm.Client](), reflect.TypeFor[acm.API](), true},
		"ec2":            {reflect.TypeFor[*awsec2.Client](), reflect.TypeFor[ec2.API](), true},
		"kms":            {reflect.TypeFor[*awskms.Client](), reflect.TypeFor[kms.API](), true},
		"sns":            {reflect.TypeFor[*awssns.Client](), reflect.TypeFor[sns.API](), true},
		"ssm":            {reflect.TypeFor[*awsssm.Client](), reflect.TypeFor[ssm.API](), true},
		"secretsmanager": {reflect.TypeFor[*awssecretsmanager.Client](), reflect.TypeFor[secretsmanager.API](), true},
		"cloudwatch":     {reflect.TypeFor[*awscloudwatch.Client](), reflect.TypeFor[cloudwatch.API](), true},
		"codebuild":      {reflect.TypeFor[*awscodebuild.Client](), reflect.TypeFor[codebuild.API](), false},
		"codecommit":     {reflect.TypeFor[*awscodecommit.Client](), reflect.TypeFor[codecommit.API](), false},
		"codedeploy":     {reflect.TypeFor[*awscodedeploy.Client](), reflect.TypeFor[codedeploy.API](), false},
		"codepipeline":   {reflect.TypeFor[*awscodepipeline.Client](), reflect.TypeFor[codepipeline.API](), false},
		"elbv2":          {reflect.TypeFor[*awselbv2.Client](), reflect.TypeFor[elbv2.API](), true},
		"iam":            {reflect.TypeFor[*awsiam.Client](), reflect.TypeFor[iam.API](), true},
		"logs":           {reflect.TypeFor[*awslogs.Client](), reflect.TypeFor[logs.API](), true},
		"sts":            {reflect.TypeFor[*awssts.Client](), reflect.TypeFor[sts.API](), true},
	} {
		t.Run(name, func(t *testing.T) {
			c := &comparison{service: name, seen: map[[2]reflect.Type]bool{}}
			c.operations(pair.aws, pair.ours, pair.some)
			if c.compared < 2 {
				t.Fatalf("only %d shapes were compared", c.compared)
			}
			for _, m := range c.missing {
				delete(stale, m)
				if absent[m] == "" {
					t.Errorf(
						"AWS has %s, and our model has not: add it to the overlay of api/gen, or to the list with a "+
							"reason", m)
				}
			}
		})
	}
	for m := range stale {
		t.Errorf("%s is in the list of what is absent, and is not", m)
	}
}

type comparison struct {
	service  string
	missing  []string
	seen     map[[2]reflect.Type]bool
	compared int
}

func (c *comparison) say(what string) {
	if what = c.service + "." + what; !slices.Contains(c.missing, what) {
		c.missing = append(c.missing, what)
	}
}

// operations compares the inputs and outputs of all operations: the methods that take a context and an input.
func (c *comparison) operations(aws, ours reflect.Type, some bool) {
	for i := range aws.NumMethod() {
		m := aws.Method(i)
		if m.Type.NumIn() < 3 || m.Type.In(1) != reflect.TypeFor[context.Context]() {
			continue
		}
		mine, ok := ours.MethodByName(m.Name)
		switch {
		case ok:
			c.shape(m.Name+"Input", m.Type.In(2), mine.Type.In(1))
			c.shape(m.Name+"Output", m.Type.Out(0), mine.Type.Out(0))
		case !some:
			c.say(m.Name)
		}
	}
}

func (c *comparison) shape(path string, aws, ours reflect.Type) {
	for aws.Kind() == reflect.Pointer || aws.Kind() == reflect.Slice || aws.Kind() == reflect.Map {
		aws = aws.Elem()
	}
	for ours.Kind() == reflect.Pointer || ours.Kind() == reflect.Slice && ours.Elem().Kind() != reflect.Uint8 ||
		ours.Kind() == reflect.Map {
		ours = ours.Elem()
	}
	if c.seen[[2]reflect.Type{aws, ours}] {
		return
	}
	c.seen[[2]reflect.Type{aws, ours}] = true
	switch {
	case aws.Kind() == reflect.String && aws.PkgPath() != "":
		c.enum(aws, ours)
	case aws.Kind() == reflect.Struct && ours.Kind() == reflect.Struct && strings.Contains(aws.PkgPath(), "/service/"):
		c.compared++
		c.members(path, aws, ours)
	}
}

func (c *comparison) members(path string, aws, ours reflect.Type) {
	mine := map[string]reflect.Type{}
	for i := range ours.NumField() {
		mine[strings.ToLower(ours.Field(i).Name)] = ours.Field(i).Type
	}
	if path == "" || aws.Name() != "" {
		path = aws.Name()
	}
	for i := range aws.NumField() {
		f := aws.Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		of, ok := mine[strings.ToLower(f.Name)]
		if !ok {
			c.say(path + "." + f.Name)
			continue
		}
		c.shape(path+"."+f.Name, f.Type, of)
	}
}

// values are what an enum of ours takes, by its check.
type values interface{ Values() []string }

func (c *comparison) enum(aws, ours reflect.Type) {
	method, ok := aws.MethodByName("Values")
	if !ok {
		return
	}
	v, ok := reflect.Zero(ours).Interface().(values)
	if !ok {
		return // a text of ours: it takes all
	}
	known := v.Values()
	list := method.Func.Call([]reflect.Value{reflect.Zero(aws)})[0]
	for i := range list.Len() {
		if s := list.Index(i).String(); !slices.Contains(known, s) {
			c.say(aws.Name() + "=" + s)
		}
	}
}
