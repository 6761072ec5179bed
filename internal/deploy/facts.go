package deploy

import (
	"context"
	"database/sql"
	"regexp"
	"strings"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// fromPipeline is how the deployments of a pipeline describe themselves.
var fromPipeline = regexp.MustCompile(`^Pipeline ([A-Za-z0-9.@_-]+), execution ([0-9a-f-]{36})$`)

// registeredBy is the description that CodeDeploy gives a revision that was registered by a deployment of it.
const registeredBy = "Application revision registered by Deployment ID: "

// Facts tells of deployments, by their IDs, what people ask of a change: the execution that it came from (by the first
// deployment of its revision, where a person or a rollback deployed it again), what it takes back, and what failed
// first. Those that are not there are left out. It takes at most four queries.
func (s *Service) Facts(ctx context.Context, ids []string) (map[string]slipway.Work, error) {
	all := map[string]slipway.Work{}
	if len(ids) == 0 {
		return all, nil
	}
	found, err := store.All(ctx, s.db, scanDeployment,
		`SELECT `+deploymentColumns+` WHERE d.id IN `+store.In(1, len(ids)),
		store.Args(ids)...)
	if err != nil {
		return nil, err
	}
	var failed []string
	for _, d := range found {
		w := slipway.Work{
			ID:          d.id,
			Status:      string(d.info.Status),
			Application: awsproto.Value(d.info.ApplicationName),
			Group:       awsproto.Value(d.info.DeploymentGroupName),
			Revision:    d.info.Revision,
			Started:     d.info.CreateTime,
		}
		w.Pipeline, w.Execution = origin(d.info)
		if r := d.info.RollbackInfo; r != nil && awsproto.Value(r.RollbackTriggeringDeploymentId) != d.id {
			w.RollsBack = awsproto.Value(r.RollbackTriggeringDeploymentId)
		}
		if e := d.info.ErrorInformation; e != nil {
			w.Message = awsproto.Value(e.Message)
		}
		if d.state.Failed > 0 {
			failed = append(failed, d.id)
		}
		all[d.id] = w
	}
	if err := s.firstOrigins(ctx, found, all); err != nil {
		return nil, err
	}
	return all, s.firstFailures(ctx, failed, all)
}

func origin(d *cd.DeploymentInfo) (pipeline, execution string) {
	if m := fromPipeline.FindStringSubmatch(awsproto.Value(d.Description)); m != nil {
		return m[1], m[2]
	}
	return "", ""
}

// firstOrigins finds where the revisions came from of deployments that no pipeline started.
func (s *Service) firstOrigins(ctx context.Context, found []*deployment, all map[string]slipway.Work) error {
	of := map[string][]string{} // the deployments of a revision
	var keys []string
	for _, d := range found {
		if all[d.id].Execution == "" {
			key := revisionKey(d.info.Revision)
			if of[d.app+key] == nil {
				keys = append(keys, key)
			}
			of[d.app+key] = append(of[d.app+key], d.id)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	first := map[string][]string{} // the deployments whose revision a deployment was the first of
	var ids []string
	_, err := store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var app, key string
		var info cd.RevisionInfo
		if err := r.Scan(&app, &key, store.JSON(&info)); err != nil {
			return struct{}{}, err
		}
		if info.GenericRevisionInfo != nil {
			if id, ok := strings.CutPrefix(awsproto.Value(info.GenericRevisionInfo.Description), registeredBy); ok &&
				of[app+key] != nil {
				first[id] = append(first[id], of[app+key]...)
				ids = append(ids, id)
			}
		}
		return struct{}{}, nil
	}, `SELECT application, key, doc FROM deploy_revisions WHERE key IN `+store.In(1, len(keys)), store.Args(keys)...)
	if err != nil || len(ids) == 0 {
		return err
	}
	origins, err := store.Documents[cd.DeploymentInfo](ctx, s.db,
		`SELECT doc FROM deploy_deployments WHERE id IN `+store.In(1, len(ids)), store.Args(ids)...)
	for _, d := range origins {
		for _, id := range first[awsproto.Value(d.DeploymentId)] {
			w := all[id]
			w.Pipeline, w.Execution = origin(d)
			all[id] = w
		}
	}
	return err
}

// firstFailures finds the first event that failed of each deployment, among the first units that did.
func (s *Service) firstFailures(ctx context.Context, ids []string, all map[string]slipway.Work) error {
	if len(ids) == 0 {
		return nil
	}
	units, err := store.Documents[rollout.Unit](ctx, s.db, `SELECT doc FROM (
			SELECT doc, ROW_NUMBER() OVER (PARTITION BY deployment ORDER BY position) AS nth FROM deploy_targets
			WHERE status = 'Failed' AND deployment IN `+store.In(1, len(ids))+`
		) AS failed WHERE nth <= 5`, store.Args(ids)...)
	for _, u := range units {
		w := all[u.Deployment]
		for i := range u.Events {
			e := &u.Events[i]
			if e.Status == cd.LifecycleEventStatusFailed && (w.Event == nil || endedBefore(e, w.Event)) {
				w.Host, w.Event = u.Name, e
			}
		}
		all[u.Deployment] = w
	}
	return err
}

func endedBefore(a, b *cd.LifecycleEvent) bool {
	return a.EndTime != nil && (b.EndTime == nil || a.EndTime.Before(b.EndTime.Time))
}

// GroupsOf returns the deployment groups of deployments, APPLICATION/GROUP by the deployment's ID. It takes one query.
// Deployments that are not there are left out.
func (s *Service) GroupsOf(ctx context.Context, ids []string) (map[string]string, error) {
	groups := map[string]string{}
	all, err := store.All(ctx, s.db, scanDeployment,
		`SELECT `+deploymentColumns+` WHERE d.id IN `+store.In(1, len(ids)), store.Args(ids)...)
	for _, d := range all {
		groups[d.id] = awsproto.Value(d.info.ApplicationName) + "/" + awsproto.Value(d.info.DeploymentGroupName)
	}
	return groups, err
}

// Ready are the IDs of the deployments that wait for somebody to let their traffic shift, the oldest first.
func (s *Service) Ready(ctx context.Context) ([]string, error) {
	all, err := store.All(ctx, s.db, scanDeployment,
		`SELECT `+deploymentColumns+` WHERE d.live = 1 AND d.status = $1 ORDER BY d.place`,
		string(cd.DeploymentStatusReady))
	var ids []string
	for _, d := range all {
		if awsproto.May(ctx, "codedeploy:GetDeployment",
			"deploymentgroup:"+awsproto.Value(d.info.ApplicationName)+"/"+awsproto.Value(d.info.DeploymentGroupName)) {
			ids = append(ids, d.id)
		}
	}
	return ids, err
}
