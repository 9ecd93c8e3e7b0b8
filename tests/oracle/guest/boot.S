// From reset to 64-bit mode, in the ROM's own page tables.
//
// Source: Intel SDM, volume 3A, 9.1.4 (first instruction), 9.8.5 (initializing IA-32e mode).
#include "tests/oracle/guest/protocol.h"

  .section .parameters, "a"
  .globl g_parameters
  .balign 4096
g_parameters:
  .quad 0, 0, 0  // RomParameters

  .section .boot, "ax"
  .balign 8
boot_gdt:
  .quad 0
  .quad 0x00cf9b000000ffff  // 0x08: code, 32 bits
  .quad 0x00cf93000000ffff  // 0x10: data
  .quad 0x00af9b000000ffff  // 0x18: code, 64 bits
boot_gdt_end:
  .globl boot_gdt_pointer
boot_gdt_pointer:
  .word boot_gdt_end - boot_gdt - 1
  .long boot_gdt

  .code16
start16:
  cli
  lgdtl %cs:boot_gdt_pointer_in_rom
  movl %cr0, %eax
  orb $1, %al
  movl %eax, %cr0
  ljmpl $0x08, $start32

  .code32
start32:
  movl $0x10, %eax
  movl %eax, %ds
  movl %eax, %ss
  // PAE, and LA57 and the other top table if there are to be five levels.
  movl $0x20, %eax
  movl $top4, %ebx
  cmpl $5, g_parameters + PW_GUEST_PARAMETER_LEVELS
  jne 1f
  orl $0x1000, %eax
  movl $top5, %ebx
1:
  movl %eax, %cr4
  movl %ebx, %cr3
  movl $0xc0000080, %ecx  // EFER: LME
  rdmsr
  orl $0x100, %eax
  wrmsr
  movl $0x80010033, %eax  // PG, WP, NE, ET, MP, PE
  movl %eax, %cr0
  ljmpl $0x18, $start64

  .code64
start64:
  movq g_parameters + PW_GUEST_PARAMETER_DIRECT_MAP(%rip), %rbx
  leaq start64_in_direct_map(%rip), %rax
  addq %rbx, %rax
  jmp *%rax
start64_in_direct_map:
  movq g_parameters(%rip), %rdi
  addq %rbx, %rdi
  leaq PW_GUEST_STATE_STACK_TOP(%rdi), %rsp
  call GuestMain
  movl $PW_GUEST_EXIT_DONE, %eax
  .globl ExitGuest
ExitGuest:
  movl $PW_GUEST_EXIT_PORT, %edx
  outl %eax, %dx
  hlt

  .section .reset, "ax"
  .code16
  jmp start16
  .balign 16, 0x90

  .section .note.GNU-stack, "", @progbits
