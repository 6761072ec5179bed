// Package cache keeps directories of builds by key, for later builds.
//
// A kept cache is a head, which says what it is, and blobs, which hold its bytes. The bytes of all files stand one
// after another in the order of the tree, cut where their content says so; each piece is compressed and named by the
// hash of what it holds. So caches of different keys share what they have in common, wherever in their files it stands.
// A head is written last and at once: a save that is broken off leaves what was there before.
package cache
