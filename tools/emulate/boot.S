/* The boot ROM of the emulated machine: takes the place of BIOS and boot loader.
 *
 * The CPU comes out of reset in real mode 16 bytes below 4 GiB, where this ROM is mapped (and again at 0xf0000).
 * The ROM enters flat 32-bit mode, copies kernel and initramfs from the first ATA disk to memory and jumps to the
 * kernel by the 32-bit boot protocol (Documentation/x86/boot.rst, "32-bit boot protocol"). The zero page that the
 * protocol asks for is put together here by the assembler from the header of the kernel image.
 *
 * Given by tools/test-emulated: VMLINUZ, the file name of the kernel image; HEADER_END, where its setup header ends; COMMAND_LINE; RAM_BYTES; KERNEL_BLOCKS and INITRAMFS_BLOCKS, the sizes of the two parts of the disk in
 * blocks of 128 KiB; INITRAMFS_BYTES.
 */
#define ROM 0xf0000
#define ZERO_PAGE 0x10000      /* struct boot_params, copied from the ROM because the kernel writes to it */
#define KERNEL 0x100000        /* where the protected-mode part of a bzImage belongs */
#define INITRAMFS 0x8000000    /* above everything the kernel touches while it unpacks itself */
#define LOW_RAM_BYTES 0xa0000
#define BLOCK_SECTORS 256      /* what one ATA READ SECTORS command can transfer: count 0 stands for 256 */
#define ATA 0x1f0

    .text
    .code16
start:
    cli
    lgdtl %cs:(gdt_pointer - ROM)
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $0x10, $protected_mode

    .code32
protected_mode:
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $ZERO_PAGE, %esp
    cld
    mov $2, %al                 /* address line 20 on */
    out %al, $0x92

    xor %ebx, %ebx              /* ebx: next sector of the disk */
    mov $KERNEL, %edi
    mov $KERNEL_BLOCKS, %ebp
    call read_blocks
    mov $INITRAMFS, %edi
    mov $INITRAMFS_BLOCKS, %ebp
    call read_blocks

    mov $zero_page, %esi
    mov $ZERO_PAGE, %edi
    mov $(4096 / 4), %ecx
    rep movsl
    mov $ZERO_PAGE, %esi
    xor %ebx, %ebx
    xor %ebp, %ebp
    xor %edi, %edi
    mov $KERNEL, %eax
    jmp *%eax

/* Reads ebp blocks from sector ebx on to address edi; advances ebx and edi. */
read_blocks:
    mov $(ATA + 2), %edx        /* sector count */
    xor %eax, %eax
    out %al, %dx
    inc %edx                    /* sector number, bits 0-7, 8-15, 16-23, then drive 0 in LBA mode with bits 24-27 */
    mov %ebx, %eax
    out %al, %dx
    inc %edx
    shr $8, %eax
    out %al, %dx
    inc %edx
    shr $8, %eax
    out %al, %dx
    inc %edx
    shr $8, %eax
    or $0xe0, %al
    out %al, %dx
    inc %edx
    mov $0x20, %al              /* READ SECTORS with retry */
    out %al, %dx
    mov $BLOCK_SECTORS, %esi
read_sector:
    mov $(ATA + 7), %edx
wait_for_data:
    in %dx, %al
    and $0x88, %al              /* busy, data request */
    cmp $0x08, %al
    jne wait_for_data
    mov $ATA, %edx
    mov $256, %ecx
    rep insw
    dec %esi
    jnz read_sector
    add $BLOCK_SECTORS, %ebx
    dec %ebp
    jnz read_blocks
    ret

    .balign 8
gdt:                            /* the selectors the protocol fixes: 0x10 code, 0x18 data, both 0-4 GiB */
    .quad 0, 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt

command_line:
    .asciz COMMAND_LINE

    .balign 16
zero_page:                      /* struct boot_params, by offset */
    .org zero_page + 0x1e8
    .byte 2                     /* e820_entries */
    .org zero_page + 0x1f1
    .incbin VMLINUZ, 0x1f1, 0x210 - 0x1f1   /* the image's setup header, but for what the loader fills in: */
    .byte 0xff                  /* type_of_loader: one without a number */
    .incbin VMLINUZ, 0x211, 0x218 - 0x211
    .long INITRAMFS, INITRAMFS_BYTES
    .incbin VMLINUZ, 0x220, 0x228 - 0x220
    .long command_line
    .incbin VMLINUZ, 0x22c, HEADER_END - 0x22c
    .org zero_page + 0x2d0      /* e820_table: address, size, type 1 = usable */
    .quad 0, LOW_RAM_BYTES
    .long 1
    .quad KERNEL, RAM_BYTES - KERNEL
    .long 1
    .org zero_page + 4096

    .org 0xfff0                 /* the reset vector */
    .code16
    ljmp $(ROM >> 4), $(start - ROM)
    .org 0x10000
