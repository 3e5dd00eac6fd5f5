# Reads from and writes to the block device in memory space, with MOV, MOVZX, MOVSX, arithmetic and strings, and prints
# a sum. Strings between the device and private memory are beyond the hypervisor of an SEV guest, which says so; this
# program runs as an SEV-ES or SNP guest.
        .intel_syntax noprefix
        .code64
        .globl  start
        .equ    device, 0x7EB00000
        .equ    window, device + 0x1000
        .equ    data, 0x200000
start:  mov     rbx, device
        mov     rax, [rbx]              # identification
        mov     rcx, 0x6B6C62766573
        cmp     rax, rcx
        jne     failed
        mov     qword ptr [rbx + 0x10], 1       # sector 1
        mov     r12, window
        movzx   eax, byte ptr [r12 + 2]
        movsx   rdx, word ptr [r12 + 0x20]
        add     rax, rdx
        mov     r14, rax
        add     dword ptr [r12 + 4], 0x100      # a read and a write of the device
        mov     rsi, window             # a sector into private memory
        mov     rdi, data
        mov     ecx, 64
        cld
        rep movsq
        mov     rdi, window             # and zeros over the device's first 32 bytes
        xor     eax, eax
        mov     ecx, 4
        rep stosq
        mov     rsi, data               # the sum of the sector as it was
        mov     ecx, 64
sum:    lodsq
        add     r14, rax
        dec     ecx
        jnz     sum
        mov     rdi, window             # the first byte that is not zero any more
        mov     ecx, 512
        xor     eax, eax
        repe scasb
        mov     rax, 511
        sub     rax, rcx
        add     r14, rax
        mov     rdi, r14
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
        hlt
failed: ud2
