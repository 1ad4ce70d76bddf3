#include "kmsd/server/command.h"

int main(int argc, char **argv)
{
    return kmsd_command_main(argc, argv);
}
