package managed

// Group is a ready-made group of users with its policies.
type Group struct {
	Name     string
	Policies []string // ARNs
}

// Groups returns the ready-made groups. All but the administrators may also read.
func Groups() []Group {
	read := ARN("SlipwayReaders")
	return []Group{
		{Name: "readers", Policies: []string{read}},
		{Name: "developers", Policies: []string{read, ARN("SlipwayDevelopers")}},
		{Name: "approvers", Policies: []string{read, ARN("SlipwayApprovers")}},
		{Name: "operators", Policies: []string{read, ARN("SlipwayOperators")}},
		{Name: "administrators", Policies: []string{prefix + "/AdministratorAccess"}},
	}
}
