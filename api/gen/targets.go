package main

// target is one package to generate.
type target struct {
	pkg   string
	model string // the folder of its model, or for one of our own the file in models/
	own   bool
	// only lists the operations that get shapes; nil for all. The others are known by name.
	only []string
	// code is how a broken constraint is answered; byMember lets the member's own error go first.
	code     string
	byMember bool
	maxBody  int64 // bytes; 0 for the wire's default
	// smithy is the service's name in JSON 1.0 and Smithy RPC v2 CBOR, which newer clients speak with a service whose
	// model here knows Query.
	smithy string
	// prefix stands before the service's actions in policies, if it is not pkg.
	prefix string
	// unsigned lists the operations that are called without credentials.
	unsigned []string
	// cbor says that a service of our own speaks Smithy RPC v2 CBOR too, which carries bytes as they are.
	cbor bool
}

var targets = []target{
	// 20 MB of files a commit, in base64.
	{pkg: "codecommit", model: "codecommit/2015-04-13", code: "ValidationException", byMember: true, maxBody: 32 << 20},
	{pkg: "codebuild", model: "codebuild/2016-10-06", code: "InvalidInputException"},
	{pkg: "codedeploy", model: "codedeploy/2014-10-06", code: "ValidationException", byMember: true},
	{pkg: "codepipeline", model: "codepipeline/2015-07-09", code: "ValidationException"},
	{pkg: "logs", model: "logs/2014-03-28", code: "InvalidParameterException",
		only: []string{"DescribeLogGroups", "DescribeLogStreams", "GetLogEvents", "FilterLogEvents",
			"CreateLogGroup", "DeleteLogGroup", "CreateLogStream", "DeleteLogStream", "PutLogEvents",
			"PutRetentionPolicy", "DeleteRetentionPolicy", "TagResource", "UntagResource", "ListTagsForResource",
			"TagLogGroup", "UntagLogGroup", "ListTagsLogGroup"}},
	{pkg: "sts", model: "sts/2011-06-15", code: "ValidationError", unsigned: []string{"AssumeRoleWithWebIdentity"},
		only: []string{"AssumeRole", "AssumeRoleWithWebIdentity", "DecodeAuthorizationMessage", "GetAccessKeyInfo",
			"GetCallerIdentity", "GetFederationToken", "GetSessionToken", "GetWebIdentityToken"}},
	{pkg: "iam", model: "iam/2010-05-08", code: "ValidationError",
		only: []string{"EnableOutboundWebIdentityFederation", "DisableOutboundWebIdentityFederation",
			"GetOutboundWebIdentityFederationInfo", "AddClientIDToOpenIDConnectProvider", "AddRoleToInstanceProfile",
			"AddUserToGroup", "AttachGroupPolicy",
			"AttachRolePolicy", "AttachUserPolicy", "ChangePassword", "CreateAccessKey", "CreateAccountAlias",
			"CreateGroup", "CreateInstanceProfile", "CreateLoginProfile", "CreateOpenIDConnectProvider",
			"CreatePolicy", "CreatePolicyVersion", "CreateRole", "CreateServiceLinkedRole",
			"CreateServiceSpecificCredential", "CreateUser", "CreateVirtualMFADevice", "DeactivateMFADevice",
			"DeleteAccessKey", "DeleteAccountAlias", "DeleteAccountPasswordPolicy", "DeleteGroup",
			"DeleteGroupPolicy", "DeleteInstanceProfile", "DeleteLoginProfile", "DeleteOpenIDConnectProvider",
			"DeletePolicy", "DeletePolicyVersion", "DeleteRole", "DeleteRolePermissionsBoundary",
			"DeleteRolePolicy", "DeleteSSHPublicKey", "DeleteServerCertificate", "DeleteServiceLinkedRole",
			"DeleteServiceSpecificCredential", "DeleteUser", "DeleteUserPermissionsBoundary", "DeleteUserPolicy",
			"DeleteVirtualMFADevice", "DetachGroupPolicy", "DetachRolePolicy", "DetachUserPolicy",
			"EnableMFADevice", "GenerateCredentialReport", "GenerateServiceLastAccessedDetails",
			"GetAccessKeyLastUsed", "GetAccountAuthorizationDetails", "GetAccountPasswordPolicy",
			"GetAccountSummary", "GetContextKeysForCustomPolicy", "GetContextKeysForPrincipalPolicy",
			"GetCredentialReport", "GetGroup", "GetGroupPolicy", "GetInstanceProfile", "GetLoginProfile",
			"GetMFADevice", "GetOpenIDConnectProvider", "GetPolicy", "GetPolicyVersion", "GetRole", "GetRolePolicy",
			"GetSSHPublicKey", "GetServerCertificate", "GetServiceLastAccessedDetails",
			"GetServiceLastAccessedDetailsWithEntities", "GetServiceLinkedRoleDeletionStatus", "GetUser",
			"GetUserPolicy", "ListAccessKeys", "ListAccountAliases", "ListAttachedGroupPolicies",
			"ListAttachedRolePolicies", "ListAttachedUserPolicies", "ListEntitiesForPolicy", "ListGroupPolicies",
			"ListGroups", "ListGroupsForUser", "ListInstanceProfileTags", "ListInstanceProfiles",
			"ListInstanceProfilesForRole", "ListMFADeviceTags", "ListMFADevices", "ListOpenIDConnectProviderTags",
			"ListOpenIDConnectProviders", "ListPolicies", "ListPoliciesGrantingServiceAccess", "ListPolicyTags",
			"ListPolicyVersions", "ListRolePolicies", "ListRoleTags", "ListRoles", "ListSSHPublicKeys",
			"ListServerCertificates", "ListServiceSpecificCredentials", "ListSigningCertificates", "ListUserPolicies",
			"ListUserTags", "ListUsers", "ListVirtualMFADevices", "PutGroupPolicy", "PutRolePermissionsBoundary",
			"PutRolePolicy", "PutUserPermissionsBoundary", "PutUserPolicy", "RemoveClientIDFromOpenIDConnectProvider",
			"RemoveRoleFromInstanceProfile", "RemoveUserFromGroup", "ResetServiceSpecificCredential",
			"ResyncMFADevice", "SetDefaultPolicyVersion", "SimulateCustomPolicy", "SimulatePrincipalPolicy",
			"TagInstanceProfile", "TagMFADevice", "TagOpenIDConnectProvider", "TagPolicy", "TagRole", "TagUser",
			"UntagInstanceProfile", "UntagMFADevice", "UntagOpenIDConnectProvider", "UntagPolicy", "UntagRole",
			"UntagUser", "UpdateAccessKey", "UpdateAccountPasswordPolicy", "UpdateAssumeRolePolicy", "UpdateGroup",
			"UpdateLoginProfile", "UpdateOpenIDConnectProviderThumbprint", "UpdateRole", "UpdateRoleDescription",
			"UpdateSSHPublicKey", "UpdateServiceSpecificCredential", "UpdateUser", "UploadSSHPublicKey",
			"UploadServerCertificate"}},
	{pkg: "elbv2", model: "elasticloadbalancingv2/2015-12-01", code: "ValidationError", prefix: "elasticloadbalancing",
		only: []string{"CreateLoadBalancer", "DescribeLoadBalancers", "DeleteLoadBalancer",
			"DescribeLoadBalancerAttributes", "ModifyLoadBalancerAttributes",
			"CreateListener", "DescribeListeners", "ModifyListener", "DeleteListener", "DescribeListenerAttributes",
			"ModifyListenerAttributes",
			"AddListenerCertificates", "DescribeListenerCertificates", "RemoveListenerCertificates",
			"CreateRule", "DescribeRules", "ModifyRule", "DeleteRule", "SetRulePriorities",
			"CreateTargetGroup", "DescribeTargetGroups", "ModifyTargetGroup", "DeleteTargetGroup",
			"DescribeTargetGroupAttributes", "ModifyTargetGroupAttributes",
			"RegisterTargets", "DeregisterTargets", "DescribeTargetHealth", "AddTags", "RemoveTags", "DescribeTags",
			"DescribeAccountLimits", "DescribeSSLPolicies", "DescribeCapacityReservation", "DescribeTrustStores",
			"SetSecurityGroups", "SetSubnets", "SetIpAddressType"}},
	{pkg: "cloudwatch", model: "monitoring/2010-08-01", code: "ValidationError",
		smithy: "GraniteServiceVersion20100801",
		only: []string{"PutMetricAlarm", "DescribeAlarms", "DescribeAlarmsForMetric", "DescribeAlarmHistory",
			"DeleteAlarms", "SetAlarmState", "EnableAlarmActions",
			"DisableAlarmActions", "ListMetrics", "GetMetricStatistics", "GetMetricData", "PutMetricData",
			"TagResource", "UntagResource", "ListTagsForResource"}},
	{pkg: "kms", model: "kms/2014-11-01", code: "ValidationException",
		only: []string{"CreateKey", "DescribeKey", "ListKeys", "UpdateKeyDescription", "EnableKey", "DisableKey",
			"ScheduleKeyDeletion", "CancelKeyDeletion", "CreateAlias", "UpdateAlias", "DeleteAlias", "ListAliases",
			"GetKeyPolicy", "PutKeyPolicy", "ListKeyPolicies", "GetKeyRotationStatus", "EnableKeyRotation",
			"DisableKeyRotation", "RotateKeyOnDemand", "ListKeyRotations", "TagResource", "UntagResource",
			"ListResourceTags", "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
			"GenerateRandom", "CreateGrant", "ListGrants", "ListRetirableGrants", "RevokeGrant", "RetireGrant"}},
	{pkg: "sns", model: "sns/2010-03-31", code: "InvalidParameter",
		only: []string{"CreateTopic", "DeleteTopic", "GetTopicAttributes", "SetTopicAttributes", "ListTopics",
			"Subscribe", "ConfirmSubscription", "Unsubscribe", "GetSubscriptionAttributes", "SetSubscriptionAttributes",
			"ListSubscriptions", "ListSubscriptionsByTopic", "Publish", "PublishBatch", "TagResource", "UntagResource",
			"ListTagsForResource", "AddPermission", "RemovePermission"}},
	{pkg: "ec2", model: "ec2/2016-11-15", code: "InvalidParameterValue",
		only: []string{"DescribeVpcs", "DescribeVpcAttribute", "DescribeSubnets", "DescribeAvailabilityZones",
			"DescribeRegions", "DescribeAccountAttributes", "DescribeInternetGateways", "DescribeRouteTables",
			"DescribeNetworkInterfaces", "DescribeSecurityGroups", "DescribeSecurityGroupRules", "CreateSecurityGroup",
			"DeleteSecurityGroup", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress",
			"RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress", "ModifySecurityGroupRules",
			"UpdateSecurityGroupRuleDescriptionsIngress", "UpdateSecurityGroupRuleDescriptionsEgress",
			"DescribeTags", "CreateTags", "DeleteTags"}},
	{pkg: "acm", model: "acm/2015-12-08", code: "ValidationException",
		only: []string{"ImportCertificate", "DescribeCertificate", "ListCertificates", "GetCertificate",
			"DeleteCertificate", "AddTagsToCertificate", "RemoveTagsFromCertificate", "ListTagsForCertificate"}},
	{pkg: "ssm", model: "ssm/2014-11-06", code: "ValidationException",
		only: []string{"PutParameter", "GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory",
			"DescribeParameters", "DeleteParameter", "DeleteParameters", "LabelParameterVersion",
			"UnlabelParameterVersion", "AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource",
			"StartSession", "ResumeSession", "TerminateSession"}},
	{pkg: "secretsmanager", model: "secretsmanager/2017-10-17", code: "ValidationException",
		only: []string{"BatchGetSecretValue", "CancelRotateSecret", "CreateSecret", "DeleteResourcePolicy",
			"DeleteSecret", "DescribeSecret", "GetRandomPassword", "GetResourcePolicy", "GetSecretValue",
			"ListSecretVersionIds", "ListSecrets", "PutResourcePolicy", "PutSecretValue",
			"RemoveRegionsFromReplication", "ReplicateSecretToRegions", "RestoreSecret", "RotateSecret",
			"StopReplicationToReplica", "TagResource", "UntagResource", "UpdateSecret", "UpdateSecretVersionStage",
			"ValidateResourcePolicy"}},
	{pkg: "codeconnections", model: "codeconnections/2023-12-01", code: "ValidationException",
		only: []string{"CreateConnection", "GetConnection", "ListConnections", "DeleteConnection", "CreateHost", "GetHost",
			"ListHosts", "UpdateHost", "DeleteHost", "TagResource", "UntagResource", "ListTagsForResource"}},
	{pkg: "codedeploycommand", model: "codedeploycommand", own: true, code: "ValidationException", maxBody: 4 << 20,
		prefix: "codedeploy-commands-secure"},
	{pkg: "slipway", model: "slipway", own: true, code: "ValidationException", maxBody: 16 << 20, cbor: true},
}
