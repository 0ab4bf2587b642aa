# One line per target. CI calls the same commands.

.PHONY: test every check race heap checkptr cross redis-full differential replies upstream-tests torture kills redis-killed bugs soak damage fuzz bench bench-dumps

test:            ## the command of the README
	go test ./...

check:           ## vet and staticcheck
	go vet ./...
	cd internal/tools && go build -o ../../.bin/ honnef.co/go/tools/cmd/staticcheck
	.bin/staticcheck ./...

race:            ## the tests under the race detector
	go test -race -short ./...

heap:            ## the table on heap chunks instead of mapped memory, and with every access checked
	go test -tags perdure_heap . ./internal/integration ./internal/table ./internal/engine
	go test -tags perdure_check -short . ./internal/integration ./internal/table

checkptr:        ## the unsafe package under the pointer checker
	go test -short -gcflags=all=-d=checkptr . ./internal/integration ./internal/table

cross:           ## every platform builds and vets
	for t in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 freebsd/amd64 freebsd/arm64 linux/386; do \
		echo $$t; GOOS=$${t%/*} GOARCH=$${t#*/} go vet ./... || exit 1; done

every:           ## the full sizes of the tests that go test samples; about two minutes
	PERDURE_EVERY=1 go test -timeout 20m ./aof/... ./internal/table ./internal/tree ./internal/integration ./rdb

redis-full:      ## a million keys through a real redis-server, both ways; about two minutes
	PERDURE_REDIS_KEYS=1000000 go test -timeout 20m -run TestRedisRoundTrip -v ./internal/integration

differential:    ## three million random commands, compared with redis-server; about five minutes
	PERDURE_PROGRAMS=5000 go test -timeout 30m -run TestPrograms -v ./internal/integration

replies:         ## a million random commands of clients, compared with redis-server; ten seconds
	PERDURE_REPLIES=1000000 go test -timeout 30m -run TestRepliesAreRedis -v ./server

upstream-tests:  ## Redis's own test suite against perdure serve and redis-server; three minutes
	go run ./internal/upstream

torture:         ## every campaign at CI's size; about six minutes
	go run ./internal/torture

DIR ?= /tmp
KILLS ?= 1000
kills:           ## a thousand kills in Ring mode on the file system of DIR; about two minutes
	go run ./internal/torture -campaign ring -kills $(KILLS) -dir $(DIR)

DURATION ?= 10m
redis-killed:    ## a redis-server and a store under load, killed and opened by the other, for DURATION
	go run ./internal/torture -campaign handover -for $(DURATION)

bugs:            ## each injected bug must be caught; about five minutes
	go run ./internal/torture -bugs all

SOAK ?= 30m
SEED ?= 1
soak:            ## every campaign with new seeds for SOAK in all, and one table at the end
	go run ./internal/torture -for $(SOAK) -seed $(SEED)

damage:          ## more flips of each byte of each kind of dump; several minutes
	PERDURE_FLIPS=120 go test -timeout 1h -run 'TestDamage$$' ./rdb

FUZZTIME ?= 10s
fuzz:            ## every fuzz target in turn
	for p in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do \
		echo $$p $$f; go test -run xxx -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p || exit 1; done; done

bench-dumps:     ## reading and writing a large dump, compared with redis-server
	go -C bench run . dumps

bench:           ## figures for docs/benchmarks
	go test -run xxx -bench . -count 6 .
