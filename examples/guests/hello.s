# Prints a line through the serial port at 3F8h, byte by byte, as soon as the port can take one.
# Under SEV-ES each IN and OUT is a #VC: the hypervisor sees AL and the port, and no other register.
        .intel_syntax noprefix
        .code64
        .globl  start
start:  lea     rsi, [rip + text]
        mov     rbx, 0x5EC2E75EC2E7     # what the hypervisor has no business with
next:   lodsb
        mov     cl, al
        test    al, al
        jz      done
        mov     dx, 0x3FD               # line status
wait:   in      al, dx
        test    al, 0x20                # the transmitter is empty
        jz      wait
        mov     al, cl
        mov     dx, 0x3F8
        out     dx, al
        jmp     next
done:   hlt
text:   .asciz  "hello from an encrypted guest\n"
