# Asks for what a hypervisor answers in registers: CPUID, MSRs, counters; and prints each answer in hexadecimal.
# The last line says whether RBX was left alone by RDTSC: 1 is yes.
        .intel_syntax noprefix
        .code64
        .globl  start
start:  xor     eax, eax
        cpuid                           # the vendor: EBX, EDX, ECX
        mov     r8, rbx
        mov     r9, rdx
        mov     r10, rcx
        mov     rax, r8
        call    print
        mov     rax, r9
        call    print
        mov     rax, r10
        call    print
        mov     ecx, 0xC0010131         # SEV_STATUS
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        call    print
        mov     ecx, 0x277              # PAT
        mov     eax, 0x00070406
        mov     edx, 0x00070106
        wrmsr
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        call    print
        mov     rbx, 0x1122334455667788
        mov     r12, rbx
        rdtsc
        mov     r13d, eax
        rdtscp
        sub     eax, r13d               # later than before
        call    print
        xor     eax, eax
        cmp     rbx, r12
        sete    al
        call    print
        hlt

# Sixteen digits of RAX and a new line. RBX, R12 and R13 are kept.
print:  mov     rdi, rax
        mov     esi, 16
digit:  rol     rdi, 4
        mov     eax, edi
        and     eax, 15
        add     al, 0x30
        cmp     al, 0x3A
        jb      send
        add     al, 7
send:   mov     dx, 0x3F8
        out     dx, al
        dec     esi
        jnz     digit
        mov     al, 10
        out     dx, al
        ret
