package deploy

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// maxRevisionBatch is AWS's limit.
const maxRevisionBatch = 25

// location writes a revision for people.
func location(r *cd.RevisionLocation) string {
	text, err := json.Marshal(r)
	if err != nil {
		panic("deploy: a revision cannot be encoded: " + err.Error()) //nolint:forbidigo // it is made of texts
	}
	return string(text)
}

// revisionKey is what tells one revision from another.
func revisionKey(r *cd.RevisionLocation) string {
	sum := sha256.Sum256([]byte(location(r)))
	return hex.EncodeToString(sum[:])
}

func checkRevision(r *cd.RevisionLocation) error {
	if r == nil {
		return &cd.RevisionRequiredException{Message: "A revision must be given."}
	}
	given := 0
	for _, is := range []bool{r.S3Location != nil, r.GitHubLocation != nil, r.String != nil, r.AppSpecContent != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return &cd.InvalidRevisionException{Message: "A revision must have exactly one location."}
	}
	if missing := missingIn(r); missing != "" {
		return &cd.InvalidRevisionException{Message: missing}
	}
	return nil
}

// missingIn says what a revision lacks for its type; "" if it is whole.
func missingIn(r *cd.RevisionLocation) string {
	whole, needs := false, ""
	switch r.RevisionType {
	case cd.RevisionLocationTypeS3:
		l := r.S3Location
		whole = l != nil && awsproto.Value(l.Bucket) != "" && awsproto.Value(l.Key) != "" && l.BundleType != ""
		needs = "A revision in S3 needs s3Location with bucket, key and bundleType."
	case cd.RevisionLocationTypeGitHub:
		l := r.GitHubLocation
		whole = l != nil && strings.Contains(awsproto.Value(l.Repository), "/") && awsproto.Value(l.CommitId) != ""
		needs = "A revision in GitHub needs gitHubLocation with repository (ACCOUNT/NAME) and commitId."
	case cd.RevisionLocationTypeString:
		whole = r.String != nil && awsproto.Value(r.String.Content) != ""
		needs = "A revision of the type String needs string with content."
	case cd.RevisionLocationTypeAppSpecContent:
		whole = r.AppSpecContent != nil && awsproto.Value(r.AppSpecContent.Content) != ""
		needs = "A revision of the type AppSpecContent needs appSpecContent with content."
	default:
		needs = "A revision needs a revisionType: S3, GitHub, String or AppSpecContent."
	}
	if whole {
		return ""
	}
	return needs
}

// remember registers a revision, or notes another use of it; registering again changes the description alone.
func (s *Service) remember(ctx context.Context, tx store.Tx, app string, r *cd.RevisionLocation, description *string,
	used bool) error {
	now := awsproto.At(s.Now())
	key := revisionKey(r)
	info, err := store.Document[cd.RevisionInfo](ctx, tx,
		`SELECT doc FROM deploy_revisions WHERE application = $1 AND key = $2`, app, key)
	if err != nil {
		return err
	}
	if info == nil {
		info = &cd.RevisionInfo{RevisionLocation: r, GenericRevisionInfo: &cd.GenericRevisionInfo{RegisterTime: now}}
	}
	g := info.GenericRevisionInfo
	if !used || g.Description == nil { // what a person said of it stays
		replace(&g.Description, description)
	}
	if used {
		g.LastUsedTime = now
		if g.FirstUsedTime == nil {
			g.FirstUsedTime = now
		}
	}
	var bucket, object string
	if l := r.S3Location; l != nil {
		bucket, object = awsproto.Value(l.Bucket), awsproto.Value(l.Key)
	}
	_, err = tx.Exec(ctx,
		`INSERT INTO deploy_revisions (application, key, bucket, object, registered, first_used, last_used, doc)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (application, key) DO UPDATE
			SET first_used = excluded.first_used, last_used = excluded.last_used, doc = excluded.doc`,
		app, key, bucket, object, ms(g.RegisterTime), ms(g.FirstUsedTime), ms(g.LastUsedTime), store.JSON(info))
	return err
}

func ms(t *awsproto.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMilli()
}

// RegisterApplicationRevision implements codedeploy:RegisterApplicationRevision.
func (s *Service) RegisterApplicationRevision(ctx context.Context,
	in *cd.RegisterApplicationRevisionInput) (*cd.RegisterApplicationRevisionOutput, error) {
	if err := checkRevision(in.Revision); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		a, err := findApplication(ctx, tx, in.ApplicationName)
		if err != nil {
			return err
		}
		return s.remember(ctx, tx, a.id, in.Revision, in.Description, false)
	})
}

// revisions reads registered revisions, each with the groups whose current revision it is.
func revisions(ctx context.Context, q store.Queryer, app string, keys []string) (map[string]*cd.RevisionInfo, error) {
	args := append([]any{app}, store.Args(keys)...)
	found, err := store.Documents[cd.RevisionInfo](ctx, q,
		`SELECT doc FROM deploy_revisions WHERE application = $1 AND key IN `+store.In(2, len(keys)), args...)
	if err != nil {
		return nil, err
	}
	byKey := map[string]*cd.RevisionInfo{}
	for _, r := range found {
		r.GenericRevisionInfo.DeploymentGroups = []string{}
		byKey[revisionKey(r.RevisionLocation)] = r
	}
	_, err = store.All(ctx, q, func(rows *sql.Rows) (struct{}, error) {
		var key, name string
		err := rows.Scan(&key, &name)
		if r := byKey[key]; r != nil {
			r.GenericRevisionInfo.DeploymentGroups = append(r.GenericRevisionInfo.DeploymentGroups, name)
		}
		return struct{}{}, err
	},
		`SELECT revision, name FROM deploy_groups WHERE application = $1 AND revision IN `+store.In(2, len(keys))+
			` ORDER BY name`, args...)
	return byKey, err
}

// GetApplicationRevision implements codedeploy:GetApplicationRevision.
func (s *Service) GetApplicationRevision(ctx context.Context,
	in *cd.GetApplicationRevisionInput) (*cd.GetApplicationRevisionOutput, error) {
	if err := checkRevision(in.Revision); err != nil {
		return nil, err
	}
	a, err := findApplication(ctx, s.db, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	key := revisionKey(in.Revision)
	found, err := revisions(ctx, s.db, a.id, []string{key})
	if err != nil {
		return nil, err
	}
	if found[key] == nil {
		return nil, &cd.RevisionDoesNotExistException{
			Message: "No revision is registered with " + *a.ApplicationName + " for the location " +
				location(in.Revision),
		}
	}
	return &cd.GetApplicationRevisionOutput{
		ApplicationName: a.ApplicationName,
		Revision:        in.Revision,
		RevisionInfo:    found[key].GenericRevisionInfo,
	}, nil
}

// BatchGetApplicationRevisions implements codedeploy:BatchGetApplicationRevisions.
func (s *Service) BatchGetApplicationRevisions(ctx context.Context,
	in *cd.BatchGetApplicationRevisionsInput) (*cd.BatchGetApplicationRevisionsOutput, error) {
	if err := tooMany(len(in.Revisions), maxRevisionBatch); err != nil {
		return nil, err
	}
	a, err := findApplication(ctx, s.db, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	out := &cd.BatchGetApplicationRevisionsOutput{ApplicationName: a.ApplicationName, Revisions: []cd.RevisionInfo{}}
	if len(in.Revisions) == 0 {
		return out, nil
	}
	keys := make([]string, len(in.Revisions))
	for i := range in.Revisions {
		keys[i] = revisionKey(&in.Revisions[i])
	}
	found, err := revisions(ctx, s.db, a.id, keys)
	if err != nil {
		return nil, err
	}
	for i, key := range keys {
		if r := found[key]; r != nil {
			out.Revisions = append(out.Revisions, *r)
		} else {
			out.ErrorMessage = new("No revision is registered for the location " + location(&in.Revisions[i]))
		}
	}
	return out, nil
}

// revisionPlace is where a page of revisions ends.
type revisionPlace struct {
	At  int64
	Key string
}

type revisionRow struct {
	revisionPlace
	info cd.RevisionInfo
}

// ListApplicationRevisions implements codedeploy:ListApplicationRevisions.
func (s *Service) ListApplicationRevisions(ctx context.Context,
	in *cd.ListApplicationRevisionsInput) (*cd.ListApplicationRevisionsOutput, error) {
	if in.S3KeyPrefix != nil && in.S3Bucket == nil {
		return nil, &cd.BucketNameFilterRequiredException{Message: "A key prefix needs a bucket name besides."}
	}
	a, err := findApplication(ctx, s.db, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	column := map[cd.ApplicationRevisionSortBy]string{"": "registered",
		cd.ApplicationRevisionSortByRegisterTime:  "registered",
		cd.ApplicationRevisionSortByFirstUsedTime: "first_used",
		cd.ApplicationRevisionSortByLastUsedTime:  "last_used"}[in.SortBy]
	compare, order, begin := ">", "", revisionPlace{At: -1}
	if in.SortOrder == cd.SortOrderDescending {
		compare, order, begin = "<", " DESC", revisionPlace{At: 1 << 62}
	}
	where, args := "", []any{a.id}
	add := func(condition string, value any) {
		args = append(args, value)
		where += fmt.Sprintf(condition, len(args))
	}
	if in.S3Bucket != nil {
		add(" AND bucket = $%d", *in.S3Bucket)
	}
	if in.S3KeyPrefix != nil {
		add(" AND object >= $%d", *in.S3KeyPrefix)
		add(" AND object < $%d", *in.S3KeyPrefix+"\U0010FFFF")
	}
	const isCurrent = ` EXISTS (SELECT 1 FROM deploy_groups g WHERE g.application = deploy_revisions.application
		AND g.revision = deploy_revisions.key)`
	switch in.Deployed {
	case cd.ListStateFilterActionInclude:
		where += " AND" + isCurrent
	case cd.ListStateFilterActionExclude:
		where += " AND NOT" + isCurrent
	}
	filter := []any{a.id, in.SortBy, in.SortOrder, in.S3Bucket, in.S3KeyPrefix, in.Deployed}
	rows, next, err := page(s, "ListApplicationRevisions", filter,
		in.NextToken, func(after revisionPlace, limit int) ([]revisionRow, error) {
			if after == (revisionPlace{}) {
				after = begin
			}
			n := len(args)
			query := fmt.Sprintf(
				`SELECT %[1]s, key, doc FROM deploy_revisions WHERE application = $1%[2]s
					AND (%[1]s %[3]s $%[5]d OR %[1]s = $%[5]d AND key > $%[6]d) ORDER BY %[1]s%[4]s, key LIMIT $%[7]d`,
				column, where, compare, order, n+1, n+2, n+3)
			return store.All(ctx, s.db, func(r *sql.Rows) (row revisionRow, err error) {
				return row, r.Scan(&row.At, &row.Key, store.JSON(&row.info))
			}, query, append(args[:n:n], after.At, after.Key, limit)...)
		}, func(r revisionRow) revisionPlace { return r.revisionPlace })
	out := &cd.ListApplicationRevisionsOutput{Revisions: []cd.RevisionLocation{}, NextToken: next}
	for _, r := range rows {
		out.Revisions = append(out.Revisions, *r.info.RevisionLocation)
	}
	return out, err
}
