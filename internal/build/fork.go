package build

import (
	"encoding/json"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

// A build of a pull request from a fork runs commands of somebody who may not write to the repository. Parameters and
// secrets are withheld from it, and as its commands could read them with its role, the session of its role is limited
// too.

// forkNote stands in the log of such a build.
const forkNote = "This build is of a pull request from a fork. It gets no parameters, secrets and identity tokens, " +
	"and may only read what its role reads in S3 and CodeCommit and write artifacts, reports and logs."

// forkPolicy is all that such a build may do with its role.
const forkPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":[` +
	`"s3:GetObject*","s3:GetBucket*","s3:ListBucket*","s3:PutObject","s3:AbortMultipartUpload",` +
	`"s3:ListMultipartUploadParts","codecommit:GitPull","codecommit:GetBranch","codecommit:GetCommit",` +
	`"logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents","codebuild:CreateReportGroup",` +
	`"codebuild:CreateReport","codebuild:UpdateReport","codebuild:BatchPutTestCases",` +
	`"codebuild:BatchPutCodeCoverages","sts:GetCallerIdentity"]}]}`

// forkRights is all that a fork's build may do with its role. Where its project keeps caches it writes nothing: other
// builds run what is there.
func forkRights(c *cb.ProjectCache) (string, error) {
	if c == nil || c.Type != cb.CacheTypeS3 {
		return forkPolicy, nil
	}
	bucket, prefix := bucketAndKey(awsproto.Value(c.Location))
	objects := "arn:aws:s3:::" + bucket + "/" + strings.TrimPrefix(strings.Trim(prefix, "/")+"/", "/") + "*"
	deny, err := json.Marshal(map[string]string{"Effect": "Deny", "Action": "s3:PutObject", "Resource": objects})
	return strings.TrimSuffix(forkPolicy, "]}") + "," + string(deny) + "]}", err
}
