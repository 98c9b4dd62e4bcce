from omniedit.cli import main

main()
