package runner

import (
	"context"

	"slipway/internal/runner/room"
)

// registry is the account that the project's registryCredential names: a secret of Secrets Manager whose JSON has
// username and password, read with the rights of the build's role. It is not given to the build's commands.
// See https://docs.aws.amazon.com/codebuild/latest/APIReference/API_RegistryCredential.html.
func (b *build) registry(ctx context.Context) (*room.Registry, error) {
	e := b.order.Build.Environment
	if b.Room.Image == "" || e == nil || e.RegistryCredential == nil {
		return nil, nil
	}
	id := value(e.RegistryCredential.Credential)
	if b.Identity == nil || b.Endpoint == "" {
		return nil, fail(imageError, "the image's registryCredential %s needs a server to read it from", id)
	}
	text, err := b.secret(ctx, id)
	if err != nil {
		return nil, fail(imageError, "the registryCredential %s cannot be read: %w", id, err)
	}
	user, err := jsonMember(text, id, "username")
	if err != nil {
		return nil, fail(imageError, "the registryCredential is not one: %w", err)
	}
	password, err := jsonMember(text, id, "password")
	if err != nil {
		return nil, fail(imageError, "the registryCredential is not one: %w", err)
	}
	b.log.conceal(password)
	return &room.Registry{User: user, Password: password}, nil
}
