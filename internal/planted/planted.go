// Package planted names faults that can be put into the code on purpose, so that the campaigns of
// internal/torture can show that they would find them.
//
// Where the code could go wrong in one of these ways it asks On. Without the build tag
// perdure_planted On is a constant false, and the compiler leaves both question and fault out.
package planted

// Env is the environment variable that names the fault that is planted.
const Env = "PERDURE_PLANTED"

// Fault is the name of a fault.
type Fault string

// The faults. What each does is said where it stands.
const (
	NoDirSyncAfterCreate    Fault = "no-dir-sync-after-create"
	NoDirSyncBeforeManifest Fault = "no-dir-sync-before-manifest"
	NoDirSyncAfterManifest  Fault = "no-dir-sync-after-manifest"
	NoSyncBeforeRename      Fault = "no-sync-before-rename"
	NamesNotSettled         Fault = "names-not-settled"
	RenameErrorIsFinal      Fault = "rename-error-is-final"
	AckBeforeSync           Fault = "ack-before-sync"
	RetryFailedSync         Fault = "retry-failed-sync"
	WriteAfterFailedSync    Fault = "write-after-failed-sync"
	BaseDeletedOnUnknown    Fault = "base-deleted-on-unknown"
	DeleteBeforeCommit      Fault = "delete-before-commit"
	NoSyncAtRotation        Fault = "no-sync-at-rotation"
	TornWriteStays          Fault = "torn-write-stays"
	ShortWriteIsFull        Fault = "short-write-is-full"
	CloseErrorIgnored       Fault = "close-error-ignored"
	CutWithoutSync          Fault = "cut-without-sync"
	ChecksumSkipsLengths    Fault = "checksum-skips-lengths"
	ChecksumOfOldFile       Fault = "checksum-of-old-file"
	TornTailAnywhere        Fault = "torn-tail-anywhere"
	DamageCut               Fault = "damage-cut"
	ManifestUnchecked       Fault = "manifest-unchecked"
	DumpUnchecked           Fault = "dump-unchecked"
	LengthTrusted           Fault = "length-trusted"
	CountTrusted            Fault = "count-trusted"
	CutOutsideLocks         Fault = "cut-outside-locks"
	BatchSplit              Fault = "batch-split"
	RelativeTTL             Fault = "relative-ttl"
	ExpiryNotLogged         Fault = "expiry-not-logged"
	WallClockSync           Fault = "wall-clock-sync"
	LockOfProcess           Fault = "lock-of-process"
	LinksFollowed           Fault = "links-followed"
	PublishedEarly          Fault = "published-early"
	RegionsKept             Fault = "regions-kept"
	MergedTwice             Fault = "merged-twice"
	BootIgnored             Fault = "boot-ignored"
	TailIgnored             Fault = "tail-ignored"
	ValuesRead              Fault = "values-read"
	SaltUnused              Fault = "salt-unused"
	IdentityUnchecked       Fault = "identity-unchecked"
	NeighborsUnchecked      Fault = "neighbors-unchecked"
	LostManifestAccepted    Fault = "lost-manifest-accepted"
	LostTailAccepted        Fault = "lost-tail-accepted"
	EndUnlisted             Fault = "end-unlisted"
	DumpUnstamped           Fault = "dump-unstamped"
	LogIgnored              Fault = "log-ignored"
	PathLookedUpAgain       Fault = "path-looked-up-again"
	LockFollowed            Fault = "lock-followed"
	UnlinkedAcknowledged    Fault = "unlinked-acknowledged"
	HalfStored              Fault = "half-stored"
	LogBeforeMemory         Fault = "log-before-memory"
)
