package settings

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// providersPath is the page of the identity providers by which people sign in.
const providersPath = signInPath + "/providers"

func (s *pages) providerRoutes() map[string]kit.Handler {
	return map[string]kit.Handler{
		"GET " + providersPath:              s.providersPage,
		"POST " + providersPath:             s.createProvider,
		"GET " + providersPath + "/{name}":  s.providerPage,
		"POST " + providersPath + "/{name}": s.changeProvider,
	}
}

// providers are the identity providers, with the form of a new one.
type providers struct {
	All  []slipway.SignInProvider
	Form *providerForm // nil if the visitor may not create one
}

// providerForm is an identity provider as it is typed.
type providerForm struct {
	New                         bool
	Name, Issuer, Client        string
	Scopes, UserName, Claim     string
	Mappings                    string // VALUE = group/NAME or VALUE = role ARN, one a line
	Callback                    string
	Errors                      map[string]string // by field
	MayChange, MayDelete, Again bool              // Again says that the secret must be typed again
}

// rows is how high the field of the mappings is.
func (f *providerForm) rows() string { return fmt.Sprint(max(4, strings.Count(f.Mappings, "\n")+2)) }

func providerPath(name string) string { return providersPath + "/" + url.PathEscape(name) }

func (s *pages) providersPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	return s.showProviders(w, r, v, http.StatusOK, &providerForm{New: true})
}

// showProviders lists the providers, with a form as it was typed.
func (s *pages) showProviders(w http.ResponseWriter, r *http.Request, v kit.Visitor, status int,
	f *providerForm) error {
	out, err := s.Slipway.ListSignInProviders(r.Context(), &slipway.ListSignInProvidersInput{})
	if err != nil {
		return err
	}
	x := &providers{All: out.Providers}
	if s.Offers(r.Context(), "slipway:PutSignInProvider", "*") {
		x.Form = f
	}
	s.Render(w, r, status, Providers(s.Shell(r, v, "Sign-in providers"), x))
	return nil
}

func (s *pages) providerPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	p, err := s.provider(r, r.PathValue("name"))
	if err != nil {
		return err
	}
	if p == nil {
		return kit.ErrNoPage
	}
	return s.showProvider(w, r, v, http.StatusOK, formOf(p))
}

// provider finds a provider, or returns nil.
func (s *pages) provider(r *http.Request, name string) (*slipway.SignInProvider, error) {
	out, err := s.Slipway.ListSignInProviders(r.Context(), &slipway.ListSignInProvidersInput{})
	if err != nil {
		return nil, err
	}
	is := func(p slipway.SignInProvider) bool { return awsproto.Value(p.Name) == name }
	if i := slices.IndexFunc(out.Providers, is); i >= 0 {
		return &out.Providers[i], nil
	}
	return nil, nil
}

func (s *pages) showProvider(w http.ResponseWriter, r *http.Request, v kit.Visitor, status int,
	f *providerForm) error {
	f.MayChange = s.Offers(r.Context(), "slipway:PutSignInProvider", "*")
	f.MayDelete = s.Offers(r.Context(), "slipway:DeleteSignInProvider", "*")
	s.Render(w, r, status, Provider(s.Shell(r, v, f.Name), f))
	return nil
}

// formOf is a provider as it would be typed.
func formOf(p *slipway.SignInProvider) *providerForm {
	f := &providerForm{
		Name:     awsproto.Value(p.Name),
		Issuer:   awsproto.Value(p.Issuer),
		Client:   awsproto.Value(p.ClientId),
		Scopes:   strings.Join(p.Scopes, " "),
		UserName: awsproto.Value(p.UserNameClaim),
		Claim:    awsproto.Value(p.Claim),
		Callback: awsproto.Value(p.CallbackUrl),
	}
	for _, m := range p.Mappings {
		f.Mappings += awsproto.Value(m.Value) + " = " + gives(m) + "\n"
	}
	return f
}

// gives is the group or the role that a mapping gives.
func gives(m slipway.SignInMapping) string {
	if m.GroupName != nil {
		return "group/" + *m.GroupName
	}
	return awsproto.Value(m.RoleArn)
}

// typedProvider reads the form of a provider.
func typedProvider(r *http.Request) *providerForm {
	typed := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	return &providerForm{
		Name:     typed("name"),
		Issuer:   typed("issuer"),
		Client:   typed("client"),
		Scopes:   typed("scopes"),
		UserName: typed("username"),
		Claim:    typed("claim"),
		Mappings: strings.ReplaceAll(r.PostForm.Get("mappings"), "\r\n", "\n"),
		Errors:   map[string]string{},
	}
}

func (s *pages) createProvider(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	if !s.Confirmed(w, r, v, providersPath) {
		return nil
	}
	f := typedProvider(r)
	f.New = true
	there, err := s.provider(r, f.Name)
	if err != nil {
		return err
	}
	if there != nil {
		f.Errors["name"] = "There is a provider " + f.Name + " already. Choose another name, or change that one."
	}
	return s.saveProvider(w, r, f, func() error {
		return s.showProviders(w, r, v, http.StatusUnprocessableEntity, f)
	})
}

// changeProvider saves or deletes a provider.
func (s *pages) changeProvider(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	name := r.PathValue("name")
	if !s.Confirmed(w, r, v, providerPath(name)) {
		return nil
	}
	if r.PostForm.Get("do") == "delete" {
		_, err := s.Slipway.DeleteSignInProvider(r.Context(), &slipway.DeleteSignInProviderInput{Name: &name})
		return kit.Next(w, r, providersPath, err)
	}
	there, err := s.provider(r, name)
	if err != nil {
		return err
	}
	if there == nil {
		return kit.ErrNoPage // saving would create it again
	}
	f := typedProvider(r)
	f.Name, f.Callback = name, awsproto.Value(there.CallbackUrl)
	return s.saveProvider(w, r, f, func() error {
		return s.showProvider(w, r, v, http.StatusUnprocessableEntity, f)
	})
}

// saveProvider saves what was typed. again shows the form with what is wrong in it.
func (s *pages) saveProvider(w http.ResponseWriter, r *http.Request, f *providerForm, again func() error) error {
	in := f.input()
	in.ClientSecret = kit.Given(r, "secret")
	if len(f.Errors) == 0 {
		_, err := s.Slipway.PutSignInProvider(r.Context(), in)
		switch awsproto.Code(err) {
		case "":
			return kit.Next(w, r, providerPath(f.Name), err)
		case "InvalidSignInProviderException":
			f.Errors["issuer"] = awsproto.Message(err)
		case "InvalidSignInMappingException":
			f.Errors["mappings"] = awsproto.Message(err)
		case "ValidationException": // the name alone has a form
			f.Errors["name"] = "A name has letters, digits, - and _, at most 32."
		default:
			return err
		}
	}
	f.Again = in.ClientSecret != nil
	return again()
}

// input is the request that saves a provider. What is missing or cannot be read becomes an error of its field.
func (f *providerForm) input() *slipway.PutSignInProviderInput {
	for field, value := range map[string]string{"name": f.Name, "issuer": f.Issuer, "client": f.Client} {
		if value == "" {
			f.Errors[field] = "This is needed."
		}
	}
	in := &slipway.PutSignInProviderInput{
		Name:     &f.Name,
		Issuer:   &f.Issuer,
		ClientId: &f.Client,
		Scopes:   strings.Fields(f.Scopes),
		Mappings: []slipway.SignInMapping{},
	}
	if f.UserName != "" {
		in.UserNameClaim = &f.UserName
	}
	if f.Claim != "" {
		in.Claim = &f.Claim
	}
	for n, line := range strings.Split(f.Mappings, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		m, wrong := mappingOf(line)
		if wrong != "" {
			f.Errors["mappings"] = fmt.Sprintf("Line %d: %s", n+1, wrong)
			break
		}
		in.Mappings = append(in.Mappings, m)
	}
	if len(in.Mappings) == 0 && f.Errors["mappings"] == "" {
		f.Errors["mappings"] = "Without a line nobody gets in. For everybody, write: * = group/readers"
	}
	return in
}

// mappingOf reads a line of the mappings: VALUE = group/NAME, or VALUE = the ARN of a role.
func mappingOf(line string) (m slipway.SignInMapping, wrong string) {
	value, to, ok := strings.Cut(line, "=")
	value, to = strings.TrimSpace(value), strings.TrimSpace(to)
	group, isGroup := strings.CutPrefix(to, "group/")
	switch {
	case !ok || value == "" || to == "":
		return m, "write VALUE = group/NAME, or VALUE = the ARN of a role."
	case isGroup:
		return slipway.SignInMapping{Value: &value, GroupName: &group}, ""
	case strings.HasPrefix(to, "arn:"):
		return slipway.SignInMapping{Value: &value, RoleArn: &to}, ""
	}
	return m, to + " is neither group/NAME nor the ARN of a role."
}
