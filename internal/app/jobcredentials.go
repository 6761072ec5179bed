package app

import (
	"context"
	"encoding/json"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/api/sts"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/custom"
)

// workOfJob begins the work that the credentials of a job end with.
const workOfJob = "job/"

// jobLife is how long the credentials of a job last. A worker that needs longer asks for the job's details again, as
// AWS's plugin for Jenkins does after 14 minutes.
const jobLife = 15 * time.Minute

// jobCredentials makes credentials of the role of a pipeline's action that are good for the artifacts of one job alone,
// as far as the role itself may use these.
func (s *rights) jobCredentials(ctx context.Context, g custom.Grant) (*cp.AWSSessionCredentials, error) {
	policy := jobPolicy(g)
	if g.OwnRole == "" || g.OwnRole == g.Role {
		c, err := s.identity.LimitedSession(ctx, pipeline.RolePrincipal, g.Role, g.Execution, workOfJob+g.Job, policy,
			jobLife)
		if err != nil {
			return nil, notAssumed(err)
		}
		return &cp.AWSSessionCredentials{
			AccessKeyId:     &c.ID,
			SecretAccessKey: &c.Secret,
			SessionToken:    &c.Token,
		}, nil
	}
	acting, err := serviceRoles{s.identity, pipeline.RolePrincipal, s}.Act(ctx, g.Role, "", g.Execution)
	if err != nil {
		return nil, err
	}
	if err := s.identity.CheckRole(g.OwnRole, g.Role); err != nil {
		return nil, notAssumed(err)
	}
	out, err := s.sts().AssumeRole(acting, &sts.AssumeRoleInput{
		RoleArn:         &g.OwnRole,
		RoleSessionName: &g.Execution,
		Policy:          &policy,
		DurationSeconds: new(int32(jobLife / time.Second)),
	})
	if err != nil {
		return nil, err
	}
	return &cp.AWSSessionCredentials{
		AccessKeyId:     out.Credentials.AccessKeyId,
		SecretAccessKey: out.Credentials.SecretAccessKey,
		SessionToken:    out.Credentials.SessionToken,
	}, nil
}

// jobPolicy is what a job may do: read its input artifacts, write its output artifacts, and use keys for them.
func jobPolicy(g custom.Grant) string {
	type statement struct {
		Effect    string
		Action    []string
		Resource  []string
		Condition map[string]map[string]string `json:",omitempty"`
	}
	arns := func(at []cp.S3Location) []string {
		all := make([]string, len(at))
		for i, l := range at {
			all[i] = "arn:aws:s3:::" + *l.Bucket + "/" + *l.Key
		}
		return all
	}
	var all []statement
	if len(g.Read) > 0 {
		all = append(all, statement{
			Effect:   "Allow",
			Action:   []string{"s3:GetObject", "s3:GetObjectVersion"},
			Resource: arns(g.Read),
		})
	}
	if len(g.Write) > 0 {
		all = append(all, statement{
			Effect:   "Allow",
			Action:   []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
			Resource: arns(g.Write),
		})
	}
	all = append(all, statement{
		Effect:    "Allow",
		Action:    []string{"kms:Decrypt", "kms:GenerateDataKey"},
		Resource:  []string{"*"},
		Condition: map[string]map[string]string{"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}},
	})
	text, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all}) // strings alone
	return string(text)
}
