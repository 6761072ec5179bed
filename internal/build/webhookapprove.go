package build

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/build/hook"
	"slipway/internal/forge"
)

// approverDefaults are the roles that approve builds of pull requests if a policy names none. Source: "Pull request
// comment approval" in the CodeBuild user guide.
var approverDefaults = map[forge.Forge][]cb.PullRequestBuildApproverRole{
	forge.GitHub: {cb.PullRequestBuildApproverRoleGithubAdmin, cb.PullRequestBuildApproverRoleGithubMaintain,
		cb.PullRequestBuildApproverRoleGithubWrite},
	forge.GitLab: {cb.PullRequestBuildApproverRoleGitlabOwner, cb.PullRequestBuildApproverRoleGitlabMaintainer,
		cb.PullRequestBuildApproverRoleGitlabDeveloper},
}

// checkPullPolicy refuses policies that nobody could meet, and fills in the roles of one that names none.
func checkPullPolicy(p *cb.Project, w *cb.Webhook) error {
	policy := w.PullRequestBuildPolicy
	if policy == nil || policy.RequiresCommentApproval == cb.PullRequestBuildCommentApprovalDisabled {
		return nil
	}
	of := forge.GitHub
	switch p.Source.Type {
	case cb.SourceTypeGitlab, cb.SourceTypeGitlabSelfManaged:
		of = forge.GitLab
	case cb.SourceTypeBitbucket:
		return invalid("pullRequestBuildPolicy with requiresCommentApproval %s is not supported by Slipway for "+
			"Bitbucket. Use DISABLED; builds of pull requests from forks get no secrets in any case.",
			policy.RequiresCommentApproval)
	}
	if len(policy.ApproverRoles) == 0 {
		copied := *policy
		copied.ApproverRoles = approverDefaults[of]
		w.PullRequestBuildPolicy = &copied
		return nil
	}
	prefix := strings.ToUpper(string(of)) + "_"
	if !slices.ContainsFunc(policy.ApproverRoles, func(r cb.PullRequestBuildApproverRole) bool {
		return strings.HasPrefix(string(r), prefix)
	}) {
		return invalid("No role of approverRoles is one of the forge of the project %s (%s...): nobody could approve "+
			"a build.", *p.Name, prefix)
	}
	return nil
}

// needsApproval tells whether the webhook's policy asks for the approval of an event's pull request, unless its
// contributor is trusted. What was merged was approved by that.
func (a *arrival) needsApproval() bool {
	if a.doc.PullRequestBuildPolicy == nil || !a.event.Kind.OfPull() || a.event.Kind == forge.PullMerged {
		return false
	}
	switch a.doc.PullRequestBuildPolicy.RequiresCommentApproval {
	case cb.PullRequestBuildCommentApprovalAllPullRequests:
		return true
	case cb.PullRequestBuildCommentApprovalForkPullRequests:
		return a.event.Fork
	}
	return false
}

// unapproved says why an event of a pull request starts no build before somebody approves it, "" if it may. Both who
// opened the pull request and who caused the event must be trusted: somebody who is may reopen what a stranger wrote.
func (s *Service) unapproved(ctx context.Context, a *arrival) string {
	if !a.needsApproval() {
		return ""
	}
	e := a.event
	for _, who := range []forge.Person{e.Author, {ID: e.ActorID, Name: e.Actor}} {
		if why := s.distrust(ctx, a, who); why != "" {
			return "Pull request approval required for starting a build. " + why + " Somebody with one of the roles " +
				a.approvers() + " approves it with the comment /codebuild_run(" + e.After + ")."
		}
	}
	return ""
}

func (a *arrival) approvers() string {
	var all []string
	for _, r := range a.doc.PullRequestBuildPolicy.ApproverRoles {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}

// distrust says why a person has none of the roles of the policy, "" for one who has.
func (s *Service) distrust(ctx context.Context, a *arrival, who forge.Person) string {
	if who.ID == "" && who.Name == "" {
		return "The delivery does not say who it was."
	}
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	api, err := s.forgeOf(ctx, a.project)
	switch {
	case err != nil:
		return "The roles of people cannot be read: " + awsproto.Message(err) + "."
	case api == nil:
		return "The roles of people cannot be read: there is no source credential to ask the forge with."
	}
	role, err := api.Role(ctx, a.event.Repository.Name, who)
	name := who.Name
	if name == "" {
		name = who.ID
	}
	if refused, ok := errors.AsType[*forge.CallError](err); ok {
		return "The role of " + name + " cannot be read: " + refused.Why + "."
	}
	if slices.Contains(a.doc.PullRequestBuildPolicy.ApproverRoles, cb.PullRequestBuildApproverRole(role)) {
		return ""
	}
	if role == "" {
		return name + " has no role there."
	}
	return name + " has the role " + role + "."
}

// approval finds the commit that a comment approves.
var approval = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?mi)^\s*/codebuild_run\(\s*([0-9a-f]{40,64})\s*\)\s*$`)
})

// approve starts the build of a pull request that a comment approves, if the person may and the commit is the latest.
func (s *Service) approve(ctx context.Context, a *arrival, filters *hook.Filters) (string, error) {
	why, err := s.readApproval(ctx, a, filters)
	if err != nil {
		return "", err
	}
	if why != "" {
		return why, s.noted(ctx, a, deliveryIgnored, why)
	}
	by := "Approved by " + a.event.Actor + "."
	a.delivery.Reason, a.delivery.Event = &by, new(string(a.event.Kind))
	return s.begun(ctx, a, by, s.startFor)
}

// readApproval says why a comment starts no build. Else the arrival is that of its pull request.
func (s *Service) readApproval(ctx context.Context, a *arrival, filters *hook.Filters) (why string, err error) {
	e := a.event
	found := approval().FindStringSubmatch(e.Comment)
	policy := a.doc.PullRequestBuildPolicy
	switch {
	case !a.ours():
		return a.foreign(), nil
	case found == nil:
		return "The comment approves nothing.", nil
	case policy == nil || policy.RequiresCommentApproval == cb.PullRequestBuildCommentApprovalDisabled:
		return "The webhook has no pullRequestBuildPolicy: its builds need no approval.", nil
	}
	if why := s.distrust(ctx, a, forge.Person{ID: e.ActorID, Name: e.Actor}); why != "" {
		return "The approval does not count. " + why + " It takes one of the roles " + a.approvers() + ".", nil
	}
	if e.After == "" { // of GitHub, which does not tell
		ask, cancel := context.WithTimeout(ctx, compareTime)
		defer cancel()
		api, err := s.forgeOf(ask, a.project)
		if err != nil || api == nil {
			return "The pull request cannot be read.", err
		}
		stamp := e.Stamp
		open, err := api.Pull(ask, e)
		e.Stamp = stamp
		if refused, is := errors.AsType[*forge.CallError](err); is {
			return "The pull request " + e.Number + " cannot be read: " + refused.Why + ".", nil
		}
		if err != nil || !open {
			return "The pull request " + e.Number + " is not open.", err
		}
	}
	if !strings.EqualFold(e.After, found[1]) {
		return "The comment approves " + found[1] + ", and the latest commit of the pull request is " + e.After + ".",
			nil
	}
	return s.pullKind(ctx, a, filters), nil
}

// pullKind makes an approved comment the event of its pull request that passes the filters. It says why none does. To
// filters the actor is who opened the pull request.
func (s *Service) pullKind(ctx context.Context, a *arrival, filters *hook.Filters) (why string) {
	e := a.event
	e.ActorID = e.Author.ID
	for _, e.Kind = range []forge.Kind{forge.PullCreated, forge.PullUpdated, forge.PullReopened} {
		v := filters.Decide(e, func() hook.Changes { return s.changes(ctx, a) })
		if v.Starts {
			a.delivery.Ref, a.delivery.Commit = new("pr/"+e.Number), &e.After
			return ""
		}
		why = v.Why
	}
	return why
}
