# Programs counter 0 of the timer, reads it twice with a latch between, and prints by how much it went down; then sends
# a line as a string of the shared page with REP OUTSB.
        .intel_syntax noprefix
        .code64
        .globl  start
        .equ    shared, 0x300000
start:  mov     al, 0x34                # counter 0, low byte then high byte
        out     0x43, al
        mov     al, 0x00
        out     0x40, al
        mov     al, 0x10                # 1000h
        out     0x40, al
        call    read
        mov     ebx, eax
        call    read
        sub     ebx, eax
        add     bl, 0x30
        mov     al, bl
        mov     dx, 0x3F8
        out     dx, al
        lea     rsi, [rip + text]
        mov     rdi, shared
        mov     ecx, offset length
        cld
        rep movsb
        mov     rsi, shared
        mov     ecx, offset length
        rep outsb
        hlt
read:   mov     al, 0x00                # latch counter 0
        out     0x43, al
        in      al, 0x40
        mov     cl, al
        in      al, 0x40
        mov     ah, al
        mov     al, cl
        movzx   eax, ax
        ret
text:   .ascii  " steps of the timer\n"
        .equ    length, . - text
