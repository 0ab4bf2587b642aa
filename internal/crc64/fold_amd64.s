//go:build !perdure_heap && !perdure_check

#include "textflag.h"

// func hasCLMUL() bool
TEXT ·hasCLMUL(SB), NOSPLIT, $0-1
	MOVL $1, AX
	XORL CX, CX
	CPUID
	SHRL $1, CX
	ANDL $1, CX
	MOVB CX, ret+0(FP)
	RET

// FOLD moves the remainder in X over the bytes at offset(SI) by the factors in K. T is overwritten.
#define FOLD(X, T, K, offset) \
	MOVOA X, T \
	PCLMULQDQ $0x00, K, X \
	PCLMULQDQ $0x11, K, T \
	PXOR T, X \
	MOVOU offset(SI), T \
	PXOR T, X

// JOIN moves the remainder in X over the 16 bytes of Y, and adds it to Y. T is overwritten.
#define JOIN(X, T, K, Y) \
	MOVOA X, T \
	PCLMULQDQ $0x00, K, X \
	PCLMULQDQ $0x11, K, T \
	PXOR T, Y \
	PXOR X, Y

// func fold(crc uint64, p *byte, n int, by *factors) (first, second uint64)
TEXT ·fold(SB), NOSPLIT, $0-48
	MOVQ  crc+0(FP), X9
	MOVQ  p+8(FP), SI
	MOVQ  n+16(FP), CX
	MOVQ  by+24(FP), AX
	MOVOU 0(AX), X8
	MOVOU 0(SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3
	PXOR  X9, X0

loop:
	ADDQ $64, SI
	SUBQ $64, CX
	JLE  done
	FOLD(X0, X4, X8, 0)
	FOLD(X1, X5, X8, 16)
	FOLD(X2, X6, X8, 32)
	FOLD(X3, X7, X8, 48)
	JMP  loop

done:
	MOVOU 16(AX), X8
	JOIN(X0, X4, X8, X1)
	JOIN(X1, X4, X8, X2)
	JOIN(X2, X4, X8, X3)
	MOVQ  X3, first+32(FP)
	PSRLO $8, X3
	MOVQ  X3, second+40(FP)
	RET
