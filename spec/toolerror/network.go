package toolerror

// networkRules know what libraries say of names, connections and certificates, whichever tool passes it on.
var networkRules = []rule{
	network("ould not resolve host", `(?P<message>[Cc]ould not resolve host:? '?(?P<subject>[\w.-]+).*)$`),
	network("Temporary failure in name resolution", `(?P<message>[^\s:]*:? ?Temporary failure in name resolution)`),
	network("no such host", `(?P<message>dial tcp: lookup (?P<subject>[\w.-]+).*no such host)`),
	network("ENOTFOUND", `(?P<message>getaddrinfo ENOTFOUND (?P<subject>[\w.-]+))`),
	network("EAI_AGAIN", `(?P<message>getaddrinfo EAI_AGAIN (?P<subject>[\w.-]+))`),
	network("ECONNREFUSED", `(?P<message>connect ECONNREFUSED (?P<subject>\S+))`),
	network("ailed to connect to ", `(?P<message>[Ff]ailed to connect to (?P<subject>[\w.-]+).*)$`),
	network("onnection refused", `(?P<message>(?:[^:]*: ?){0,3}[Cc]onnection refused)`),
	network("onnection timed out", `(?P<message>(?:[^:]*: ?){0,3}[Cc]onnection timed out)`),
	network("x509: ", `(?P<message>x509: .+)$`),
	network("certificate", `(?P<message>(?:SSL certificate problem|certificate verify failed).*)$`),
}

func network(has, is string) rule {
	return rule{kind: Network, weight: cause, has: has, is: expression(is)}
}
