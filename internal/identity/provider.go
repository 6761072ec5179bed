package identity

import (
	"context"
	"encoding/hex"
	"net"
	"net/url"
	"slices"
	"strings"

	"slipway/api/iam"
)

const (
	// maxClients and maxThumbprints are IAM's limits of an identity provider.
	maxClients     = 100
	maxThumbprints = 5
	sha1Hex        = 40
)

// provider finds an identity provider by its ARN.
func (v *view) provider(arn string) (*provider, error) {
	name, ok := strings.CutPrefix(arn, v.s.arn("oidc-provider/"))
	if p, is := v.find(providerKind, name).(*provider); ok && is {
		return p, nil
	}
	if err := checkARN(arn); err != nil {
		return nil, err
	}
	return nil, noSuch("OpenIDConnect Provider not found for arn %s", arn)
}

func (s *Service) providerARN(p *provider) string { return s.arn("oidc-provider/" + p.Name) }

// issuerURL reads the URL of an issuer. http is for one at loopback alone.
func issuerURL(text string) (name string, plain bool, err error) {
	u, parseErr := url.Parse(text)
	switch {
	case parseErr != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		err = &iam.InvalidInputException{Message: "Invalid Open ID Connect Provider URL: " + text}
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
		plain = true
	default:
		err = &iam.InvalidInputException{
			Message: "The URL of an Open ID Connect provider must begin with https://; http:// is for an address of " +
				"this machine, such as 127.0.0.1, alone."}
	}
	if err != nil {
		return "", false, err
	}
	return u.Host + strings.TrimSuffix(u.Path, "/"), plain, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func checkThumbprints(all []string) error {
	for _, t := range all {
		if _, err := hex.DecodeString(t); err != nil || len(t) != sha1Hex {
			return &iam.InvalidInputException{Message: "A thumbprint is 40 hexadecimal digits, not " + t}
		}
	}
	if len(all) > maxThumbprints {
		return &iam.InvalidInputException{Message: "Thumbprint list must contain fewer than 5 entries."}
	}
	return nil
}

// CreateOpenIDConnectProvider implements iam:CreateOpenIDConnectProvider.
func (s *Service) CreateOpenIDConnectProvider(ctx context.Context,
	in *iam.CreateOpenIDConnectProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	name, plain, err := issuerURL(*in.Url)
	if err != nil {
		return nil, err
	}
	if err := checkThumbprints(in.ThumbprintList); err != nil {
		return nil, err
	}
	p := &provider{head: s.newHead("", "/", name), Plain: plain, Clients: slices.Compact(slices.Sorted(
		slices.Values(in.ClientIDList))), Thumbprints: in.ThumbprintList}
	p.ID = name
	if len(p.Clients) > maxClients {
		return nil, exceeds("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", maxClients)
	}
	err = s.change(ctx, func(v *view) (err error) {
		if v.find(providerKind, name) != nil {
			return exists("Provider with url %s already exists.", *in.Url)
		}
		if p.Tags, err = retag(nil, in.Tags); err != nil {
			return err
		}
		v.put(p)
		return nil
	})
	return &iam.CreateOpenIDConnectProviderOutput{
		OpenIDConnectProviderArn: new(s.providerARN(p)),
		Tags:                     someTags(p.Tags),
	}, err
}

// GetOpenIDConnectProvider implements iam:GetOpenIDConnectProvider.
func (s *Service) GetOpenIDConnectProvider(_ context.Context,
	in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	p, err := s.view().provider(*in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.GetOpenIDConnectProviderOutput{
		Url:            &p.Name,
		ClientIDList:   append([]string{}, p.Clients...),
		ThumbprintList: append([]string{}, p.Thumbprints...),
		CreateDate:     at(p.Created),
		Tags:           shownTags(p.Tags),
	}, nil
}

// ListOpenIDConnectProviders implements iam:ListOpenIDConnectProviders.
func (s *Service) ListOpenIDConnectProviders(context.Context,
	*iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	out := &iam.ListOpenIDConnectProvidersOutput{OpenIDConnectProviderList: []iam.OpenIDConnectProviderListEntry{}}
	for _, p := range each[*provider](s.view(), providerKind) {
		entry := iam.OpenIDConnectProviderListEntry{Arn: new(s.providerARN(p))}
		out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, entry)
	}
	return out, nil
}

// changeProvider changes an identity provider.
func (s *Service) changeProvider(ctx context.Context, arn string, f func(p *provider) error) error {
	return s.change(ctx, func(v *view) error {
		p, err := v.provider(arn)
		if err != nil {
			return err
		}
		p = edit(p)
		if err := f(p); err != nil {
			return err
		}
		v.put(p)
		return nil
	})
}

// AddClientIDToOpenIDConnectProvider implements iam:AddClientIDToOpenIDConnectProvider. It may be repeated.
func (s *Service) AddClientIDToOpenIDConnectProvider(ctx context.Context,
	in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	return nil, s.changeProvider(ctx, *in.OpenIDConnectProviderArn, func(p *provider) error {
		if slices.Contains(p.Clients, *in.ClientID) {
			return nil
		}
		if len(p.Clients) >= maxClients {
			return exceeds("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", maxClients)
		}
		p.Clients = append(p.Clients, *in.ClientID)
		return nil
	})
}

// RemoveClientIDFromOpenIDConnectProvider implements iam:RemoveClientIDFromOpenIDConnectProvider. A client that is not
// there is no error.
func (s *Service) RemoveClientIDFromOpenIDConnectProvider(ctx context.Context,
	in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	return nil, s.changeProvider(ctx, *in.OpenIDConnectProviderArn, func(p *provider) error {
		p.Clients = slices.DeleteFunc(p.Clients, func(c string) bool { return c == *in.ClientID })
		return nil
	})
}

// UpdateOpenIDConnectProviderThumbprint implements iam:UpdateOpenIDConnectProviderThumbprint.
func (s *Service) UpdateOpenIDConnectProviderThumbprint(ctx context.Context,
	in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	return nil, s.changeProvider(ctx, *in.OpenIDConnectProviderArn, func(p *provider) error {
		p.Thumbprints = in.ThumbprintList
		return checkThumbprints(in.ThumbprintList)
	})
}

// DeleteOpenIDConnectProvider implements iam:DeleteOpenIDConnectProvider. Deleting it again is no error.
func (s *Service) DeleteOpenIDConnectProvider(ctx context.Context,
	in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	return nil, s.change(ctx, func(v *view) error {
		if p, err := v.provider(*in.OpenIDConnectProviderArn); err == nil {
			v.drop(p)
			return nil
		}
		return checkARN(*in.OpenIDConnectProviderArn)
	})
}
