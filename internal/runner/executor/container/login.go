package container

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/cpuguy83/dockercfg"

	"slipway/internal/runner/room"
)

// registryOf is the host of the registry that an image is pulled from: what stands before the first slash, if that
// looks like a host, or else Docker Hub.
func registryOf(image string) string {
	host, _, found := strings.Cut(image, "/")
	if found && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return host
	}
	return "docker.io"
}

// authorization is the header by which the engine logs in at the image's registry: with the build's account, or else
// with the one that the runner's user has logged in with (docker login), as everybody's builds may. None is nil.
func authorization(image string, account *room.Registry) (http.Header, error) {
	with := struct {
		User     string `json:"username,omitzero"`
		Password string `json:"password,omitzero"`
		Identity string `json:"identitytoken,omitzero"`
	}{}
	if account != nil {
		with.User, with.Password = account.User, account.Password
	} else {
		user, password, err := dockercfg.GetRegistryCredentials(dockercfg.ResolveRegistryHost(registryOf(image)))
		switch {
		case err != nil:
			return nil, fmt.Errorf("the login for %s in the settings of Docker cannot be read: %w", registryOf(image),
				err)
		case password == "":
			return nil, nil
		case user == "":
			with.Identity = password
		default:
			with.User, with.Password = user, password
		}
	}
	text, err := json.Marshal(with) //nolint:gosec // the engine logs in with it
	if err != nil {
		return nil, err
	}
	return http.Header{"X-Registry-Auth": {base64.URLEncoding.EncodeToString(text)}}, nil
}
