// One access of the program under test, and what ends it: an exception, in every case. After an
// instruction that went through comes an INT of our own.
#include "tests/oracle/guest/protocol.h"

// The instructions, at multiples of kAccessCodeBytes in the order of oracle::Instruction. RDI is
// the address, RAX the value, ECX a selector of the only descriptor in the LDT, which lies at the
// address. The page is mapped twice, for supervisor and for user.
  .macro access code:vararg
  \code
  int $PW_GUEST_VECTOR_DONE
  .balign 16, 0xcc
  .endm

  .section .accesses, "ax"
  .balign 4096
  access movq (%rdi), %rax
  access movzbl (%rdi), %eax
  access movq %rax, (%rdi)
  access movb %al, (%rdi)
  access lock xaddq %rax, (%rdi)
  access lsll %ecx, %eax
  access movl %ecx, %fs

  .text
// void PerformAccess(Record*, std::uint64_t rip, std::uint64_t flags, std::uint64_t cs,
//                    std::uint64_t ss)
//
// Jumps to `rip` with the given flags and selectors and comes back after the next exception, which
// is written into the record.
  .globl PerformAccess
PerformAccess:
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, %gs:PW_GUEST_STATE_RSP
  movq %rdi, %gs:PW_GUEST_STATE_RECORD
  movq %rsp, %rax
  pushq %r8
  pushq %rax
  pushq %rdx
  pushq %rcx
  pushq %rsi
  movl $PW_GUEST_SELECTOR_IN_LDT, %ecx
  movq PW_GUEST_RECORD_OPERAND(%rdi), %rax
  movq PW_GUEST_RECORD_ADDRESS(%rdi), %rdi
  iretq

// Handlers, 16 bytes each. The processor pushes an error code for some (SDM 3A, table 6-1).
  .globl g_handlers
  .balign 16
g_handlers:
  .set vector, 0
  .rept PW_GUEST_VECTOR_DONE + 1
  .if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21
  pushq $0
  .endif
  pushq $vector
  jmp handle
  .balign 16
  .set vector, vector + 1
  .endr

// On the fault stack: vector, error code, RIP, CS, flags, RSP, SS.
handle:
  movq %gs:PW_GUEST_STATE_RECORD, %rdi
  testq %rdi, %rdi
  jz guest_fault
  movq %rax, PW_GUEST_RECORD_RESULT(%rdi)
  popq %rax
  movb %al, PW_GUEST_RECORD_VECTOR(%rdi)
  popq %rax
  movl %eax, PW_GUEST_RECORD_ERROR(%rdi)
  popq %rax
  movq %rax, PW_GUEST_RECORD_RIP(%rdi)
  movq %cr2, %rax
  movq %rax, PW_GUEST_RECORD_CR2(%rdi)
  movq $0, %gs:PW_GUEST_STATE_RECORD
  movq %gs:PW_GUEST_STATE_RSP, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  pushq $2
  popfq
  cld
  ret

// A fault of the guest itself: the vector becomes part of the exit status.
guest_fault:
  popq %rax
  orl $PW_GUEST_EXIT_FAULT, %eax
  jmp ExitGuest

  .section .note.GNU-stack, "", @progbits
