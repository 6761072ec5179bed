package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build/hook"
	"slipway/internal/fault"
	"slipway/internal/forge"
	"slipway/internal/store"
)

const (
	// deliveryLife is how long a delivery that started something is known. GitHub delivers again for three days.
	deliveryLife = 7 * 24 * time.Hour
	// eventLife is how long an event is known that started something: two hooks tell of it within moments. Later the
	// same may happen again, such as a branch that is set back and forth.
	eventLife = 10 * time.Minute
)

// arrival is one event of a delivery on its way to a build.
type arrival struct {
	*webhook
	project  *cb.Project
	event    *forge.Event
	delivery slipway.WebhookDelivery
	keys     map[string]time.Duration // by which it is known again, and how long
	agent    string                   // the program that delivered it
}

// seenError says that a delivery or an event started something before: the build or batch with the ID.
type seenError struct{ work string }

func (e *seenError) Error() string { return "it started " + e.work + " before" }

// deliver starts what a delivery asks for, and returns what it did in words for people.
func (s *Service) deliver(ctx context.Context, w *webhook, d forge.Delivery) (told []string, err error) {
	p, err := s.project(ctx, s.db, w.project)
	if err != nil {
		return nil, err
	}
	id := cut100(d.Forge.DeliveryID(d.Header))
	events, err := d.Forge.Parse(d.Header, d.Body)
	if err != nil {
		return nil, forge.Refuse(http.StatusBadRequest, "%w", err)
	}
	if len(events) == 0 {
		a := &arrival{webhook: w, event: &forge.Event{What: "ping"}}
		a.delivery = slipway.WebhookDelivery{Id: nonEmpty(&id), Event: new("ping")}
		return []string{"The webhook is connected."}, s.noted(ctx, a, deliveryIgnored, "The webhook is connected.")
	}
	filters, err := hook.Compile(w.doc.FilterGroups, w.doc.BranchFilter)
	if err != nil {
		return nil, err
	}
	for i := range events {
		a := &arrival{webhook: w, project: p, event: &events[i], agent: agentOf(d.Forge, d.Header.Get("User-Agent"))}
		a.describe(id, i)
		say, err := s.arrive(ctx, a, filters)
		if err != nil {
			return told, err
		}
		told = append(told, say)
	}
	return told, nil
}

func cut100(text string) string { return text[:min(len(text), 100)] }

// agentOf is the initiator of a forge's builds: GitHub-Hookshot/044aadd and the like, as AWS has it.
func agentOf(by forge.Forge, agent string) string {
	name, _, _ := strings.Cut(agent, " ")
	if strings.HasPrefix(name, "GitHub-Hookshot/") || strings.HasPrefix(name, "Bitbucket-Webhooks/") ||
		strings.HasPrefix(name, "GitLab/") {
		return cut100(name)
	}
	if by == forge.GitHub {
		return "GitHub-Hookshot"
	}
	return string(by) + "-Webhook"
}

// describe fills in what is shown of a delivery, and the keys by which it is known again.
func (a *arrival) describe(id string, i int) {
	e := a.event
	a.delivery = slipway.WebhookDelivery{Id: nonEmpty(&id), Event: new(cmp.Or(string(e.Kind), e.What)),
		Ref: nonEmpty(&e.Ref), Commit: nonEmpty(&e.After), Actor: nonEmpty(&e.Actor),
		Repository: nonEmpty(&e.Repository.Name)}
	if e.Number != "" {
		a.delivery.Ref = new("pr/" + e.Number)
	}
	a.keys = map[string]time.Duration{seenKey("event", e.Key()): eventLife}
	if id != "" {
		a.keys[seenKey("delivery", id+"#"+strconv.Itoa(i))] = deliveryLife
	}
}

func seenKey(of, text string) string {
	sum := sha256.Sum256([]byte(of + "\x00" + text))
	return hex.EncodeToString(sum[:])
}

// What came of a delivery.
const (
	deliveryStarted   = "STARTED"
	deliveryIgnored   = "IGNORED"
	deliveryDuplicate = "DUPLICATE"
	deliveryFailed    = "FAILED"
	deliveryRefused   = "REFUSED"
)

// arrive starts a build or batch for an event that passes the filters, and says what it did.
func (s *Service) arrive(ctx context.Context, a *arrival, filters *hook.Filters) (string, error) {
	if a.event.Comment != "" {
		return s.approve(ctx, a, filters)
	}
	if why := a.unfit(); why != "" {
		return why, s.noted(ctx, a, deliveryIgnored, why)
	}
	verdict := filters.Decide(a.event, func() hook.Changes { return s.changes(ctx, a) })
	if !verdict.Starts {
		return verdict.Why, s.noted(ctx, a, deliveryIgnored, verdict.Why)
	}
	if why := s.unapproved(ctx, a); why != "" {
		return why, s.noted(ctx, a, deliveryIgnored, why)
	}
	start := s.startFor
	if a.event.Kind == forge.WorkflowQueued {
		wants, ours, err := readLabels(a.event.Labels, *a.project.Name)
		if !ours {
			why := "The filters matched, and the job is not for this project: none of its labels (runs-on) is " +
				"codebuild-" + *a.project.Name + "-${{ github.run_id }}-${{ github.run_attempt }}."
			return why, s.noted(ctx, a, deliveryIgnored, why)
		}
		start = func(ctx context.Context, a *arrival) (string, error) {
			if err != nil {
				return "", err
			}
			return s.startJob(ctx, a, wants)
		}
	}
	a.delivery.Reason = &verdict.Why
	return s.begun(ctx, a, verdict.Why, start)
}

// begun starts what an event asks for, and says what became of that. why is why it was started.
func (s *Service) begun(ctx context.Context, a *arrival, why string,
	start func(context.Context, *arrival) (string, error)) (string, error) {
	work, err := start(ctx, a)
	if seen, ok := errors.AsType[*seenError](err); ok {
		why := "The same event or delivery started " + seen.work + " before."
		a.delivery.Work = &seen.work
		return why, s.noted(ctx, a, deliveryDuplicate, why)
	}
	if _, ok := err.(awsproto.ServiceError); ok {
		why := "No build could be started: " + awsproto.Message(err)
		return why, s.noted(ctx, a, deliveryFailed, why)
	}
	if err != nil {
		return "", err
	}
	return "Started " + work + ". " + why, nil
}

// unfit says why an event can start no build whatever the filters are, "" if it can.
func (a *arrival) unfit() string {
	e := a.event
	switch {
	case e.Kind == "":
		return "The event " + e.What + " starts no builds."
	case !a.ours():
		return a.foreign()
	case e.After == "" && e.Tag == "":
		return e.Ref + " was deleted: there is nothing to build."
	}
	return ""
}

// foreign says that an event is not of the project's repository.
func (a *arrival) foreign() string {
	return "The event is of the repository " + a.event.Repository.Name + ", and the project's source is " +
		awsproto.Value(a.project.Source.Location) + "."
}

// ours reports whether an event is of a repository that the webhook is for. A repository that was renamed is known by
// its ID.
func (a *arrival) ours() bool {
	of := a.event.Repository
	if c := a.doc.ScopeConfiguration; c != nil {
		return c.Scope == cb.WebhookScopeTypeGithubGlobal || strings.EqualFold(of.Owner(), awsproto.Value(c.Name)) ||
			strings.HasPrefix(strings.ToLower(of.Name), strings.ToLower(awsproto.Value(c.Name))+"/")
	}
	if of.ID != "" && of.ID == a.repository {
		return true
	}
	u, err := url.Parse(awsproto.Value(a.project.Source.Location))
	if err != nil || of.Name == "" {
		return false
	}
	at := strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git"))
	return strings.HasSuffix(at, "/"+strings.ToLower(of.Name))
}

// occasion is what a webhook's event adds to the builds that it starts.
type occasion struct {
	Variables map[string]string `json:"variables,omitzero"`
	Commit    string            `json:"commit,omitzero"` // that the source is fetched at
	// Clone is the URL of the fork that a pull request's commits are fetched from, where the forge has no ref for them.
	Clone string `json:"clone,omitzero"`
	// Fork says that the commits are of somebody who may not write to the repository: no secrets for their builds.
	Fork bool `json:"fork,omitzero"`
}

// put adds an occasion to a build.
func (o occasion) put(sub *submission) {
	for name, value := range o.Variables {
		sub.work.Variables[name] = value
	}
	if sub.work.Fork = o.Fork; o.Fork {
		sub.work.Notes = append(sub.work.Notes, forkNote)
	}
	src := &sub.work.Sources[0]
	if o.Clone != "" {
		src.URL = o.Clone
	}
	if o.Commit != "" {
		pin(src, o.Commit)
	}
}

// occasionOf is what an event adds to its builds, and their source version.
func occasionOf(p *cb.Project, e *forge.Event) (o occasion, version string) {
	o = occasion{Fork: e.Fork && e.Kind.OfPull(), Variables: map[string]string{}}
	for name, value := range map[string]string{
		"EVENT":            string(e.Kind),
		"TRIGGER":          e.Trigger(),
		"HEAD_REF":         e.Ref,
		"BASE_REF":         e.Base,
		"ACTOR_ACCOUNT_ID": e.ActorID,
		"MERGE_COMMIT":     e.Merge,
	} {
		if value != "" {
			o.Variables["CODEBUILD_WEBHOOK_"+name] = value
		}
	}
	switch {
	case e.Kind.OfPull():
		version, o.Commit = "pr/"+e.Number, e.After
		if p.Source.Type == cb.SourceTypeBitbucket && o.Fork {
			o.Clone = e.ForkClone
		}
	case e.Tag != "":
		version = e.Ref
	default:
		version = e.After
		if e.Before != "" {
			o.Variables["CODEBUILD_WEBHOOK_PREV_COMMIT"] = e.Before
		}
	}
	return o, version
}

// startFor starts the build or batch of an event and returns its ID. It is durable, together with what is known of the
// delivery, when startFor returns.
func (s *Service) startFor(ctx context.Context, a *arrival) (string, error) {
	p := a.project
	if p.Environment != nil { // several events of a delivery start builds of one project
		copied := *p
		p = &copied
		src, env := *p.Source, *p.Environment
		p.Source, p.Environment = &src, &env
	}
	o, version := occasionOf(p, a.event)
	in := &cb.StartBuildInput{ProjectName: p.Name, SourceVersion: &version}
	if a.doc.ScopeConfiguration != nil {
		in.SourceLocationOverride = &a.event.Repository.Clone
	}
	merge(p, in)
	fault.Point("webhook.before-start")
	if a.doc.BuildType == cb.WebhookBuildTypeBuildBatch {
		if err := s.mayBatch(ctx, p, &cb.StartBuildBatchInput{}); err != nil {
			return "", err
		}
		b, err := s.startBatch(ctx, p, &batchStart{initiator: a.agent, occasion: o,
			claim: func(ctx context.Context, tx store.Tx, id string) error { return s.claim(ctx, tx, a, id) }})
		if err != nil {
			return "", err
		}
		return *b.Id, nil
	}
	sub, err := s.prepare(ctx, p, false)
	if err != nil {
		return "", err
	}
	sub.build.Initiator = &a.agent
	s.collect(sub, p)
	o.put(sub)
	sub.claim = func(ctx context.Context, tx store.Tx) error { return s.claim(ctx, tx, a, *sub.build.Id) }
	b, err := s.submit(ctx, sub)
	if err != nil {
		return "", err
	}
	return *b.Id, nil
}

// claim writes, in the transaction that starts a build or batch, that an event started it. It returns seenError if the
// event or its delivery did so before.
func (s *Service) claim(ctx context.Context, tx store.Tx, a *arrival, work string) error {
	now := s.Now()
	if _, err := tx.Exec(ctx, `DELETE FROM webhook_seen WHERE expires <= $1`, now.UnixMilli()); err != nil {
		return err
	}
	for key, life := range a.keys {
		var before string
		seen, err := store.Find(ctx, tx, []any{&before},
			`SELECT work FROM webhook_seen WHERE project = $1 AND key = $2`, a.webhook.project, key)
		if err != nil {
			return err
		}
		if seen {
			return &seenError{before}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO webhook_seen (project, key, work, expires) VALUES ($1, $2, $3, $4)`,
			a.webhook.project, key, work, now.Add(life).UnixMilli()); err != nil {
			return err
		}
	}
	if id := a.event.Repository.ID; id != "" && id != a.repository && a.doc.ScopeConfiguration == nil {
		if _, err := tx.Exec(ctx, `UPDATE webhooks SET repository = $2 WHERE project = $1`, a.webhook.project,
			id); err != nil {
			return err
		}
	}
	d := a.delivery
	d.Work = &work
	return s.note(ctx, tx, a.webhook.project, d, deliveryStarted)
}
