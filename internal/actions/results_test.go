package actions_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"slipway/internal/actions"
)

// toolkit is an action that calls the services of artifacts and caches as @actions/artifact and @actions/cache do.
const toolkit = `
const base = process.env.ACTIONS_RESULTS_URL
const fs = require('fs')
const scp = JSON.parse(Buffer.from(process.env.ACTIONS_RUNTIME_TOKEN.split('.')[1], 'base64url')).scp.split(':')
const ids = {workflow_run_backend_id: scp[1], workflow_job_run_backend_id: scp[2]}
async function call(service, method, body, token) {
  const r = await fetch(base + 'twirp/github.actions.results.api.v1.' + service + '/' + method, {method: 'POST',
    headers: {'Content-Type': 'application/json',
      Authorization: 'Bearer ' + (token || process.env.ACTIONS_RUNTIME_TOKEN)},
    body: JSON.stringify(body)})
  return Object.assign(await r.json(), {status: r.status})
}
async function put(url, body) { return (await fetch(url, {method: 'PUT', body})).status }
async function main() {
  const zip = fs.readFileSync('made.zip')
  const bad = await call('CacheService', 'GetCacheEntryDownloadURL', {key: 'k'}, 'guessed')
  console.log('refused ' + bad.status + ' ' + bad.code)
  const a = await call('ArtifactService', 'CreateArtifact', {...ids, name: 'zipped', version: 4})
  const block = n => Buffer.from('block' + n).toString('base64')
  const at = n => a.signed_upload_url + '&comp=block&blockid=' + encodeURIComponent(block(n))
  const puts = [await put(at(2), zip.subarray(10)), await put(at(1), zip.subarray(0, 10)),
    await put(a.signed_upload_url + '&comp=blocklist', '<?xml version="1.0"?><BlockList><Latest>' + block(1) +
    '</Latest><Latest>' + block(2) + '</Latest></BlockList>')]
  console.log('put ' + puts)
  const f = await call('ArtifactService', 'FinalizeArtifact', {...ids, name: 'zipped', size: '' + zip.length})
  console.log('finalized ' + f.ok + ' ' + f.artifact_id)
  const raw = await call('ArtifactService', 'CreateArtifact', {...ids, name: 'note.txt', version: 7,
    mime_type: 'text/plain'})
  await put(raw.signed_upload_url, 'as it is')
  await call('ArtifactService', 'FinalizeArtifact', {...ids, name: 'note.txt', size: '8'})
  const l = await call('ArtifactService', 'ListArtifacts', {...ids})
  console.log('list ' + l.artifacts.map(x => x.name).sort())
  const one = l.artifacts.find(x => x.name == 'zipped').database_id
  const by = await call('ArtifactService', 'ListArtifacts', {...ids, id_filter: one})
  console.log('by its ID ' + by.artifacts.map(x => x.name) + ' ' + (one == f.artifact_id))
  const u = await call('ArtifactService', 'GetSignedArtifactURL', {...ids, name: 'note.txt'})
  const d = await fetch(u.signed_url)
  console.log('raw ' + await d.text() + ' ' + d.headers.get('content-disposition'))
  const z = await fetch((await call('ArtifactService', 'GetSignedArtifactURL', {...ids, name: 'zipped'})).signed_url)
  console.log('zip ' + z.headers.get('content-type') + ' ' + Buffer.from(await z.arrayBuffer()).subarray(0, 2))
  const again = await call('ArtifactService', 'CreateArtifact', {...ids, name: 'zipped', version: 4})
  const up = await call('ArtifactService', 'CreateArtifact', {...ids, name: '../up', version: 4})
  console.log('again ' + again.status + ' up ' + up.status)
  const v = {version: 'v1'}
  const miss = await call('CacheService', 'GetCacheEntryDownloadURL', {...v, key: 'deps-1', restore_keys: ['deps-']})
  const c = await call('CacheService', 'CreateCacheEntry', {...v, key: 'deps-1'})
  await put(c.signed_upload_url, 'cached bytes')
  const fin = await call('CacheService', 'FinalizeCacheEntryUpload', {...v, key: 'deps-1', size_bytes: '12'})
  const hit = await call('CacheService', 'GetCacheEntryDownloadURL', {...v, key: 'deps-2', restore_keys: ['deps-']})
  const part = await fetch(hit.signed_download_url, {headers: {Range: 'bytes=7-'}})
  console.log('cache ' + miss.ok + ' ' + fin.ok + ' ' + hit.matched_key + ' ' + part.status + ' ' + await part.text())
  const twice = await call('CacheService', 'CreateCacheEntry', {...v, key: 'deps-1'})
  console.log('twice ' + twice.status + ' ' + (await call('CacheService', 'Unknown', {})).code)
}
main().catch(e => { console.error(e); process.exit(1) })
`

// caches stands in for the runner's caches: it keeps one.
func caches(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var key string
	var kept []byte
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case r.Method == http.MethodPut:
			key = q.Get("key")
			kept, _ = io.ReadAll(r.Body)
			w.WriteHeader(http.StatusCreated)
		case key == "" || q.Get("key") != key && len(q["restore"]) == 0:
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Header().Set(actions.MatchedHeader, key)
			if q.Get("look") == "" {
				_, _ = w.Write(kept)
			}
		}
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return socket
}

// Actions that bring the clients of GitHub's services for artifacts and caches themselves find both. What they upload
// is there for Slipway's own actions, too.
func TestResults(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("SKIPPED: no node here, so that no action calls the services. Install it: apt-get install nodejs")
	}
	r, log := carryOut(t, job(`
- run: python3 -c "import zipfile; zipfile.ZipFile('made.zip', 'w').writestr('sub/file', 'in the zip')"
- uses: ./act
- run: echo "[$ACTIONS_RUNTIME_TOKEN$ACTIONS_RESULTS_URL]"
- uses: actions/download-artifact@v4
  with: {name: zipped, path: back}
- run: cat back/sub/file
`), map[string]string{"act/action.yml": "runs: {using: node20, main: main.js}", "act/main.js": toolkit},
		func(p *actions.Plan) {
			p.Artifacts, p.Services = filepath.Join(p.Work, "artifacts"), caches(t)
		})
	has(t, log, "refused 401 unauthenticated", "put 201,201,201", "finalized true 1", "by its ID zipped true",
		"list note.txt,zipped", `raw as it is attachment; filename="note.txt"`, "zip application/zip PK", "again 409 up 400",
		"cache false true deps-1 206 bytes", "twice 409 bad_route", "[]", "in the zip")
	if text, _ := json.Marshal(r.Artifacts); string(text) != `["zipped","note.txt"]` || r.Failed {
		t.Errorf("artifacts %s, %s", text, r.Message)
	}
}
