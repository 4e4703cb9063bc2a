# A repository, a clone of it, and make in both.
git init -q src
cd src
git config user.name t
git config user.email t@example.org
printf 'all: one two\none:\n\techo 1 > one.tmp && mv one.tmp one\n' > Makefile
printf 'two: one\n\tsed s/1/2/ one > two\nclean:\n\trm -f one two\n' >> Makefile
git add .
git commit -qm first
git branch side
echo '# a comment' >> Makefile
git commit -qam second
git checkout -q side
echo readme > README
git add README
git commit -qm third
git merge -q -m merged master || git merge -q -m merged main
git tag -a -m tagged v1
git gc -q
cd ..
git clone -q src copy
cd copy
make -s -j2
make -s clean
make -s
git status --short > /dev/null
git stash -q -u
git log --oneline --stat > ../log
