// Package codedeploycommand is the protocol between CodeDeploy and the agents on its hosts; the rest of it is
// generated.
package codedeploycommand

import "slipway/api/awsproto"

// Secure serves the same operations under the name by which AWS's agent calls them when its configuration has
// :enable_auth_policy: true: the target CodeDeployCommandService without a date, signed for codedeploy-commands-secure.
func Secure(s *Service) awsproto.Service { return secure{s} }

type secure struct{ *Service }

func (s secure) Info() *awsproto.Info {
	i := *s.Service.Info()
	i.Target, i.SigningName = "CodeDeployCommandService", "codedeploy-commands-secure"
	return &i
}
