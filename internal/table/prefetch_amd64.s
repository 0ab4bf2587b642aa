//go:build !perdure_heap && !perdure_check

#include "textflag.h"

// func prefetch(p *byte, last uintptr)
TEXT ·prefetch(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ last+8(FP), CX
	PREFETCHT0 (AX)
	PREFETCHT0 (AX)(CX*1)
	RET
