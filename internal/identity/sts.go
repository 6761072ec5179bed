package identity

import (
	"context"
	"crypto/hmac"
	"net/http"

	"slipway/api/awsproto"
	"slipway/api/sts"
)

// GetCallerIdentity implements sts:GetCallerIdentity.
func (s *Service) GetCallerIdentity(ctx context.Context,
	_ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	c := awsproto.CallerOf(ctx)
	return &sts.GetCallerIdentityOutput{Account: &c.Account, Arn: &c.ARN, UserId: &c.UserID}, nil
}

// GetAccessKeyInfo implements sts:GetAccessKeyInfo. It knows the account's own keys and the temporary ones that were
// made here.
func (s *Service) GetAccessKeyInfo(_ context.Context,
	in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	id := *in.AccessKeyId
	_, known := s.view().holder(id)
	if temporary(id) && len(id) == len("ASIA")+len(randomID()) {
		body := id[:15]
		known = hmac.Equal([]byte(id[15:]), []byte(s.sessionMark(body)))
	}
	if !known {
		return nil, &awsproto.Error{Code: "InvalidClientTokenId", Status: http.StatusForbidden,
			Message: "The access key " + id + " belongs to no account that is known here."}
	}
	return &sts.GetAccessKeyInfoOutput{Account: &s.Account}, nil
}

const denialPlace = "authorization message"

// EncodeAuthorizationMessage makes the message of a denial, for services that send it encoded.
// sts:DecodeAuthorizationMessage reads it.
func (s *Service) EncodeAuthorizationMessage(text string) string {
	return s.Seal.Seal([]byte(text), denialPlace)
}

// DecodeAuthorizationMessage implements sts:DecodeAuthorizationMessage.
func (s *Service) DecodeAuthorizationMessage(_ context.Context,
	in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	text, err := s.Seal.Open(*in.EncodedMessage, denialPlace)
	if err != nil {
		return nil, &sts.InvalidAuthorizationMessageException{
			Message: "Message is not valid: it was not made by this service."}
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: new(string(text))}, nil
}
