package identity

import (
	"slices"

	"slipway/api/awsproto"
)

// allowed are the operations of the roles that may do some things but not all.
var allowed = map[string][]string{
	Host: {"codedeploycommand:*", "slipway:PutHostService", "s3:GetObject", "sts:GetCallerIdentity"},
	Runner: {"slipway:PollBuild", "slipway:AcknowledgeBuild", "slipway:UpdateBuild", "slipway:AppendLog",
		"slipway:CompleteBuild",
		"codecommit:GitPull",
		"s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:AbortMultipartUpload", "sts:GetCallerIdentity"},
	Router: {"slipway:PollRouter", "slipway:PutRouterReport", "sts:GetCallerIdentity"},
	Nobody: {"sts:GetCallerIdentity"},
}

// Authorize refuses what a caller's role does not allow.
func Authorize(c awsproto.Caller, service, operation string) error {
	if c.Role == Administrator {
		return nil
	}
	may := allowed[c.Role]
	if slices.Contains(may, service+":"+operation) || slices.Contains(may, service+":*") {
		return nil
	}
	return awsproto.AccessDenied(c, service, operation)
}
