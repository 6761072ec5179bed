package settings

import (
	"net/http"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codeconnections"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// connectionsPath is the page of the connections to forges.
const connectionsPath = "/settings/connections"

func (s *pages) connectionRoutes(mux *kit.Mux) {
	mux.Handle("GET "+connectionsPath, s.SignedIn(s.connectionsPage))
	mux.Handle("GET "+connectionsPath+"/{connection}", s.SignedIn(s.connectionPage))
	mux.Handle("POST "+connectionsPath+"/{connection}", s.SignedIn(s.changeConnection))
}

// connectionView is a connection with what happened over it.
type connectionView struct {
	codeconnections.Connection
	Details    *slipway.GetConnectionDetailsOutput
	Deliveries []slipway.ConnectionDelivery
	MayChange  bool
	UserName   string
	Error      string // of what was typed
	Secret     string // of the webhook, shown this once
}

// connectionPath is the page of a connection.
func connectionPath(c *codeconnections.Connection) string {
	arn := awsproto.Value(c.ConnectionArn)
	return connectionsPath + "/" + url.PathEscape(arn[strings.LastIndexByte(arn, '/')+1:])
}

func (s *pages) connectionsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	out, err := s.Connections.ListConnections(r.Context(), &codeconnections.ListConnectionsInput{})
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, Connections(s.Shell(r, v, "Connections"), out.Connections))
	return nil
}

// connectionOf reads the connection of a page, or returns ErrNoPage.
func (s *pages) connectionOf(r *http.Request) (*connectionView, error) {
	in := &codeconnections.ListConnectionsInput{}
	for {
		out, err := s.Connections.ListConnections(r.Context(), in)
		if err != nil {
			return nil, err
		}
		for _, c := range out.Connections {
			if strings.HasSuffix(awsproto.Value(c.ConnectionArn), "/"+r.PathValue("connection")) {
				return &connectionView{Connection: c}, nil
			}
		}
		if out.NextToken == nil {
			return nil, kit.ErrNoPage
		}
		in.NextToken = out.NextToken
	}
}

func (s *pages) connectionPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	x, err := s.connectionOf(r)
	if err != nil {
		return err
	}
	return s.showConnection(w, r, v, http.StatusOK, x)
}

func (s *pages) showConnection(w http.ResponseWriter, r *http.Request, v kit.Visitor, status int,
	x *connectionView) (err error) {
	in := &slipway.ConnectionInput{ConnectionArn: x.ConnectionArn}
	if x.Details, err = s.Slipway.GetConnectionDetails(r.Context(), in); err != nil {
		return err
	}
	deliveries, err := s.Slipway.ListConnectionDeliveries(r.Context(), in)
	if err != nil {
		return err
	}
	x.Deliveries = deliveries.Deliveries
	x.MayChange = s.Offers(r.Context(), "codeconnections:UpdateConnectionInstallation", *x.ConnectionArn)
	s.Render(w, r, status, Connection(s.Shell(r, v, *x.ConnectionName), x, s.Now()))
	return nil
}

// changeConnection gives a connection a token, or its webhook a secret.
func (s *pages) changeConnection(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	if !s.Confirmed(w, r, v, connectionsPath+"/"+url.PathEscape(r.PathValue("connection"))) {
		return nil
	}
	x, err := s.connectionOf(r)
	if err != nil {
		return err
	}
	if r.PostForm.Get("do") == "secret" {
		in := &slipway.ConnectionInput{ConnectionArn: x.ConnectionArn}
		out, err := s.Slipway.RotateConnectionWebhook(r.Context(), in)
		if err != nil {
			return err
		}
		x.Secret = *out.Secret
		return s.showConnection(w, r, v, http.StatusOK, x)
	}
	in := &slipway.CompleteConnectionInput{ConnectionArn: x.ConnectionArn, UserName: kit.Given(r, "username"),
		Token: kit.Given(r, "token")}
	_, err = s.Slipway.CompleteConnection(r.Context(), in)
	if awsproto.Code(err) == "InvalidConnectionException" {
		x.Error, x.UserName = awsproto.Message(err), awsproto.Value(in.UserName)
		return s.showConnection(w, r, v, http.StatusUnprocessableEntity, x)
	}
	return kit.Next(w, r, connectionPath(&x.Connection), err)
}

// connectionState is how a connection is shown: a kind of state, and its word.
func connectionState(c *codeconnections.Connection) (kind kit.Kind, word string) {
	switch c.ConnectionStatus {
	case codeconnections.ConnectionStatusAvailable:
		return view.Succeeded, "Available"
	case codeconnections.ConnectionStatusPending:
		return view.Waiting, "Waits for a token"
	}
	return view.Failed, "Error"
}

// outcomeWords are what came of deliveries, for people.
var outcomeWords = map[string]string{
	"RECEIVED":  "Received",
	"STARTED":   "Started",
	"IGNORED":   "Started nothing",
	"DUPLICATE": "Known",
	"REFUSED":   "Refused",
}
