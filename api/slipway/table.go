package slipway

import (
	"slipway/api/awsproto"
	"slipway/api/elbv2"
)

// Table is all that a router serves; it travels in PollRouterOutput.table, and a router keeps it on its disk.
type Table struct {
	// Version grows with every change.
	Version      int64              `json:"version"`
	Listeners    []TableListener    `json:"listeners,omitzero"`
	TargetGroups []TableTargetGroup `json:"targetGroups,omitzero"`
	Certificates []TableCertificate `json:"certificates,omitzero"`
	// CookieKey seals the cookies of sticky sessions: 32 bytes, in base64, the same for all routers.
	CookieKey string `json:"cookieKey"`
}

// TableListener is a listener with the rules in the order in which they are tried; the last is the default one.
type TableListener struct {
	ListenerArn     string             `json:"listenerArn"`
	LoadBalancerArn string             `json:"loadBalancerArn"`
	Port            int32              `json:"port"`
	Protocol        elbv2.ProtocolEnum `json:"protocol"`
	SslPolicy       string             `json:"sslPolicy,omitzero"`
	// Certificates are ARNs, the default one first.
	Certificates []string     `json:"certificates,omitzero"`
	Rules        []elbv2.Rule `json:"rules"`
	// Attributes are the load balancer's and the listener's that are not at their defaults.
	Attributes map[string]string `json:"attributes,omitzero"`
}

// TableTargetGroup is a target group that a rule forwards to.
type TableTargetGroup struct {
	elbv2.TargetGroup
	LoadBalancerArn string `json:"loadBalancerArn"`
	// Attributes are those that are not at their defaults.
	Attributes map[string]string `json:"attributes,omitzero"`
	Targets    []TableTarget     `json:"targets,omitzero"`
}

// TableTarget is a target. One that is deregistered stays until its requests are done, or until Draining has come.
type TableTarget struct {
	Address  string         `json:"address"` // IP:PORT
	Draining *awsproto.Time `json:"draining,omitzero"`
}

// TableCertificate is a certificate with its chain and its key, both in PEM.
type TableCertificate struct {
	CertificateArn string `json:"certificateArn"`
	Chain          string `json:"chain"`
	PrivateKey     string `json:"privateKey"`
}
