package forge

import "strings"

type bitbucketRepository struct {
	ID    string `json:"uuid"`
	Name  string `json:"full_name"`
	Links struct {
		HTML struct {
			Href string `json:"href"`
		} `json:"html"`
	} `json:"links"`
}

func (r *bitbucketRepository) repository() Repository {
	if r == nil {
		return Repository{}
	}
	return Repository{ID: r.ID, Name: r.Name, Clone: r.Links.HTML.Href}
}

type bitbucketRef struct {
	Type   string `json:"type"` // branch, tag
	Name   string `json:"name"`
	Target struct {
		Hash    string `json:"hash"`
		Message string `json:"message"`
	} `json:"target"`
}

type bitbucketEnd struct {
	Branch struct {
		Name string `json:"name"`
	} `json:"branch"`
	Commit struct {
		Hash string `json:"hash"`
	} `json:"commit"`
	Repository *bitbucketRepository `json:"repository"`
}

// bitbucketPayload are the members of Bitbucket Cloud's deliveries that count here.
type bitbucketPayload struct {
	Actor struct {
		ID       string `json:"account_id"`
		UUID     string `json:"uuid"`
		Nickname string `json:"nickname"`
	} `json:"actor"`
	Repository bitbucketRepository `json:"repository"`
	Push       struct {
		Changes []struct {
			Old *bitbucketRef `json:"old"`
			New *bitbucketRef `json:"new"`
		} `json:"changes"`
	} `json:"push"`
	Pull struct {
		ID          text         `json:"id"`
		Updated     text         `json:"updated_on"`
		Source      bitbucketEnd `json:"source"`
		Destination bitbucketEnd `json:"destination"`
		Merge       *struct {
			Hash string `json:"hash"`
		} `json:"merge_commit"`
	} `json:"pullrequest"`
}

var bitbucketPulls = map[string]Kind{
	"pullrequest:created":   PullCreated,
	"pullrequest:updated":   PullUpdated,
	"pullrequest:fulfilled": PullMerged,
	"pullrequest:rejected":  PullClosed,
}

func parseBitbucket(name string, body []byte) ([]Event, error) {
	var p bitbucketPayload
	if err := decode(Bitbucket, body, &p); err != nil {
		return nil, err
	}
	e := Event{What: name, Repository: p.Repository.repository(), ActorID: p.Actor.ID, Actor: p.Actor.Nickname}
	if e.ActorID == "" {
		e.ActorID = p.Actor.UUID
	}
	if name == "repo:push" {
		return p.pushes(e), nil
	}
	if e.Kind = bitbucketPulls[name]; e.Kind != "" {
		p.pull(&e)
	}
	return []Event{e}, nil
}

// pushes are the refs of a push, of which there may be several. File lists are not told.
func (p *bitbucketPayload) pushes(of Event) []Event {
	all := []Event{}
	for _, c := range p.Push.Changes {
		e := of
		e.Kind = Push
		for _, r := range []*bitbucketRef{c.Old, c.New} {
			if r != nil {
				prefix := heads
				if r.Type == "tag" || strings.HasSuffix(r.Type, "_tag") {
					prefix = tags
				}
				e.Ref = full(prefix, r.Name)
			}
		}
		if c.Old != nil {
			e.Before = commit(c.Old.Target.Hash)
		}
		if c.New != nil {
			e.After, e.Message = commit(c.New.Target.Hash), &c.New.Target.Message
		}
		all = append(all, e)
	}
	return all
}

func (p *bitbucketPayload) pull(e *Event) {
	r := &p.Pull
	e.Number, e.Stamp = string(r.ID), string(r.Updated)
	e.Ref, e.Base = full(heads, r.Source.Branch.Name), full(heads, r.Destination.Branch.Name)
	e.Before, e.After = commit(r.Destination.Commit.Hash), commit(r.Source.Commit.Hash)
	if r.Merge != nil {
		e.Merge = r.Merge.Hash
	}
	head, base := r.Source.Repository.repository(), r.Destination.Repository.repository()
	e.Fork, e.ForkClone = head.ID == "" || head.ID != base.ID, head.Clone
}
