"""The student judge: known defects and the teacher's scores as data, distillation, fine-tuning, agreement."""
